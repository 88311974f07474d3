"""Which engine computes a network fastest on this machine, and whether it answers as the reference does (torch, or for
ONNX files OpenVINO in single precision): measured at the first start, and remembered.

What was measured holds for one network, its weights, the processor, the cores it may use and the versions of torch and
OpenVINO; when one of them changes, it is measured again.
"""

from __future__ import annotations

import hashlib
import json
import logging
import os
import platform
import shutil
import statistics
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from importlib import metadata
from pathlib import Path
from typing import Any, Generic, TypeVar

import filelock

from errors import ConfigurationError, WeightsError
from recognizer.compute import ENGINES, Compute
from recognizer.durable_files import make_private_folder, write_atomically

FILE = "engines.json"
TORCH, OPENVINO_F32, OPENVINO_BF16, OPENVINO_INT8 = "torch", "openvino f32", "openvino bf16", "openvino int8"
# Raised when other engines are tried, so that they are where something is remembered.
_TRIAL = 2
_ROUNDS = 5
# So many measurements of a network are kept: with other settings, or other packages.
_KEPT = 4
_LONGEST_WAIT_SECONDS = 180.0

_logger = logging.getLogger(__name__)
E = TypeVar("E")


@dataclass(frozen=True, slots=True)
class Measured:
    """milliseconds: for the same work. agreement: with the reference's answers, by ``Network.agreement``. usable:
    whether that is enough. problem: why it could not be tried, else empty."""

    milliseconds: float
    agreement: float
    usable: bool
    problem: str = ""


@dataclass(frozen=True, slots=True)
class Choice:
    """engine: the fastest that is usable. measured: by engine, the reference first."""

    engine: str
    measured: Mapping[str, Measured]

    def in_words(self) -> str:
        """``openvino bf16, 3.1 times as fast as torch, agreement 0.9997``."""
        mine, first = self.measured.get(self.engine), next(iter(self.measured), self.engine)
        if self.engine == first or mine is None:
            return self.engine
        faster = self.measured[first].milliseconds / mine.milliseconds
        return f"{self.engine}, {faster:.1f} times as fast as {first}, agreement {mine.agreement:.4f}"


@dataclass(frozen=True, slots=True, eq=False)
class Network(Generic[E]):
    """What there is to choose for. name, weights_sha256: of the network. build: by engine, makes it; the first is the
    reference. work: lets it do what is timed, and gives its answers. agreement: of such answers with the reference's,
    0..1. enough: by engine, the least agreement it is used with."""

    name: str
    weights_sha256: str
    build: Mapping[str, Callable[[], E]]
    work: Callable[[E], Any]
    agreement: Callable[[Any, Any], float]
    enough: Mapping[str, float]


def built(network: Network[E], compute: Compute) -> tuple[E, Choice]:
    """The network on the engine that ``compute`` asks for, or on the fastest. Raises ConfigurationError when there is
    none of that name here, WeightsError when the weights are not the network's; ImportError or RuntimeError when an
    engine that another machine has chosen cannot be had here."""
    if compute.engine in network.build:  # torch, or the very one that another machine has chosen
        return network.build[compute.engine](), Choice(compute.engine, {})
    if compute.engine not in ENGINES:
        raise ConfigurationError(f"no engine is called {compute.engine!r}; there are {', '.join(ENGINES)}")
    if on_accelerator(compute.device):
        if compute.engine == "openvino":
            raise ConfigurationError("the engine openvino computes on the processor: set SMARTATTENDANCE_DEVICE=cpu")
        return network.build[TORCH](), Choice(TORCH, {})
    allowed = [name for name in network.build if compute.engine in ("auto", name.split()[0])]
    found = _remembered(network, compute, allowed)
    if found is not None:
        return found
    with _alone(compute.folder):
        # another process may have measured meanwhile
        return _remembered(network, compute, allowed) or _measured(network, compute, allowed)


def _remembered(network: Network[E], compute: Compute, allowed: Sequence[str]) -> tuple[E, Choice] | None:
    choice = recall(network.name, network.weights_sha256, compute)
    if choice is None or choice.engine not in allowed:
        return None
    try:
        return network.build[choice.engine](), choice
    except (ImportError, RuntimeError, OSError) as error:
        _logger.warning("%s cannot be had on %s any more (%s)", network.name, choice.engine, error)
        return None


def _measured(network: Network[E], compute: Compute, allowed: Sequence[str]) -> tuple[E, Choice]:
    engines, measured = _try_out(network)
    usable = {name: each.milliseconds for name, each in measured.items() if each.usable and name in allowed}
    if not usable:
        problems = "; ".join(f"{name}: {measured[name].problem or 'its answers differ'}" for name in allowed)
        raise ConfigurationError(f"{network.name} cannot be computed by the engine {compute.engine} here ({problems})")
    choice = Choice(min(usable, key=lambda name: usable[name]), measured)
    _remember(network, compute, choice)
    _logger.info("%s is computed by %s", network.name, choice.in_words())
    return engines[choice.engine], choice


@contextmanager
def _alone(folder: Path | None) -> Iterator[None]:
    """While others measure on this machine, none of the figures would be right; and one conversion is enough."""
    if folder is None:
        yield
        return
    lock = filelock.FileLock(folder / ".lock", timeout=_LONGEST_WAIT_SECONDS)
    try:
        make_private_folder(folder)
        lock.acquire()
    except (OSError, filelock.Timeout):  # then it is measured beside others
        pass
    try:
        yield
    finally:
        lock.release()


def recall(name: str, weights_sha256: str, compute: Compute) -> Choice | None:
    """What was measured earlier, if that still holds."""
    if compute.folder is None:
        return None
    try:
        kept = json.loads((compute.folder / FILE).read_text(encoding="utf-8"))[_key(name, weights_sha256, compute)]
        return Choice(str(kept["engine"]), {each: Measured(**values) for each, values in kept["measured"].items()})
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return None


def on_accelerator(device: str) -> bool:
    """Whether ``device`` is, or for ``auto`` will be, something else than the processor. torch, which takes seconds to
    load, is asked only where something hints at a GPU."""
    if device != "auto":
        return device != "cpu"
    apple = sys.platform == "darwin" and platform.machine() == "arm64"
    amd_or_nvidia = Path("/dev/nvidia0").exists() or Path("/dev/kfd").exists() or bool(shutil.which("nvidia-smi"))
    if not (apple or amd_or_nvidia):
        return False
    from recognizer.engines.torch_engine import choose_device

    return choose_device().type != "cpu"


def _try_out(network: Network[E]) -> tuple[dict[str, E], dict[str, Measured]]:
    engines: dict[str, E] = {}
    measured: dict[str, Measured] = {}
    reference, first = None, next(iter(network.build))
    for name, build in network.build.items():
        try:
            engine = build()
            answers = network.work(engine)
            milliseconds = _milliseconds(network, engine)
        except (ConfigurationError, WeightsError):
            raise
        except (ImportError, RuntimeError, OSError) as error:
            if name == first:
                raise
            measured[name] = Measured(0.0, 0.0, usable=False, problem=str(error).splitlines()[0][:200])
            continue
        if name == first:
            reference = answers
        agreement = network.agreement(answers, reference)
        usable = agreement >= network.enough.get(name, 0.0)
        if not usable:
            _logger.warning("%s answers otherwise than %s (%.4f); it is not used", name, first, agreement)
        engines[name] = engine
        measured[name] = Measured(round(milliseconds, 2), round(agreement, 6), usable)
    return engines, measured


def _milliseconds(network: Network[E], engine: E) -> float:
    network.work(engine)
    taken = []
    for _ in range(_ROUNDS):
        begun = time.perf_counter()
        network.work(engine)
        taken.append(time.perf_counter() - begun)
    return 1000 * statistics.median(taken)


def _remember(network: Network[E], compute: Compute, choice: Choice) -> None:
    if compute.folder is None:
        return
    path = compute.folder / FILE
    try:
        kept = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        kept = {}
    entry = {"engine": choice.engine, "measured": {name: asdict(each) for name, each in choice.measured.items()}}
    if not isinstance(kept, dict):
        kept = {}
    # the newest last; a machine whose packages change would collect them for ever
    key, start = _key(network.name, network.weights_sha256, compute), f"{network.name} {network.weights_sha256[:16]} "
    kept.pop(key, None)
    for old in [each for each in kept if each.startswith(start)][: 1 - _KEPT]:
        del kept[old]
    kept[key] = entry
    try:
        make_private_folder(compute.folder)
        write_atomically(path, json.dumps(kept, indent=1).encode())
    except OSError as error:
        _logger.warning("what was measured of the engines cannot be kept in %s: %s", path, error)


def _key(name: str, weights_sha256: str, compute: Compute) -> str:
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    versions = [_version(package) for package in ("torch", "openvino")]
    circumstances = json.dumps([_TRIAL, _processor(), cores, compute.threads, compute.engine, versions])
    return f"{name} {weights_sha256[:16]} {hashlib.sha256(circumstances.encode()).hexdigest()[:16]}"


def _processor() -> str:
    try:
        for line in Path("/proc/cpuinfo").read_text(encoding="utf-8", errors="replace").splitlines():
            if line.startswith("model name"):
                return line
    except OSError:
        pass
    return platform.processor() or platform.machine()


def _version(package: str) -> str:
    try:
        return metadata.version(package)
    except metadata.PackageNotFoundError:
        return ""
