"""Which engine computes a network: the fastest whose answers are torch's, measured once for a machine. With engines
that only say how long they took, and with a network of one product to be kept."""

from __future__ import annotations

import json
import logging
import os
import shutil
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from errors import ConfigurationError, WeightsError
from recognizer.compute import Compute, compute_of
from recognizer.engines import choice, converted
from recognizer.engines.choice import FILE, OPENVINO_BF16, OPENVINO_F32, TORCH, Choice, Network
from recognizer.engines.openvino_import import ov
from support.clock import WorkClock
from support.service import make_settings

CPU = "cpu"
WEIGHTS, OTHER_WEIGHTS = "a" * 64, "b" * 64


class Engine:
    def __init__(self, name: str, milliseconds: float, answer: float, clock: WorkClock) -> None:
        self.name, self._milliseconds, self._answer, self._clock = name, milliseconds, answer, clock
        self.times_worked = 0

    def work(self) -> float:
        self.times_worked += 1
        self._clock.now += self._milliseconds / 1000
        return self._answer


class Machine:
    """Where three engines can be built. speeds: milliseconds. answers: of each; torch's are right. missing: what is
    raised by building one. built: names, in the order in which they were asked for."""

    def __init__(self) -> None:
        self.clock = WorkClock()
        self.speeds = {TORCH: 30.0, OPENVINO_BF16: 10.0, OPENVINO_F32: 20.0}
        self.answers = {TORCH: 1.0, OPENVINO_BF16: 0.999, OPENVINO_F32: 1.0}
        self.missing: dict[str, Exception] = {}
        self.built: list[str] = []
        self.lock = threading.Lock()

    def network(self, name: str = "facenet", weights: str = WEIGHTS) -> Network[Engine]:
        return Network(
            name=name,
            weights_sha256=weights,
            build={engine: self._builder(engine) for engine in self.speeds},
            work=lambda engine: engine.work(),
            agreement=lambda mine, torchs: 1 - abs(mine - torchs),
            enough={OPENVINO_F32: 0.9999, OPENVINO_BF16: 0.995},
        )

    def choose(self, compute: Compute, **network: str) -> Choice:
        engine, chosen = choice.built(self.network(**network), compute)
        assert engine.name == chosen.engine
        return chosen

    def _builder(self, name: str) -> Callable[[], Engine]:
        def build() -> Engine:
            with self.lock:
                self.built.append(name)
            if name in self.missing:
                raise self.missing[name]
            return Engine(name, self.speeds[name], self.answers[name], self.clock)

        return build


@pytest.fixture
def machine(monkeypatch: pytest.MonkeyPatch) -> Machine:
    made = Machine()
    monkeypatch.setattr(choice, "time", made.clock)
    return made


@pytest.fixture
def compute(tmp_path: Path) -> Compute:
    return Compute(device=CPU, folder=tmp_path / "networks")


def file_of(compute: Compute) -> Path:
    assert compute.folder is not None
    return compute.folder / FILE


# --- the choice


def test_the_fastest_is_chosen(machine: Machine, compute: Compute) -> None:
    chosen = machine.choose(compute)
    assert chosen.engine == OPENVINO_BF16
    assert {name: each.milliseconds for name, each in chosen.measured.items()} == machine.speeds
    assert all(each.usable for each in chosen.measured.values())
    assert chosen.in_words() == "openvino bf16, 3.0 times as fast as torch, agreement 0.9990"


def test_torch_is_chosen_where_it_is_the_fastest(machine: Machine, compute: Compute) -> None:
    machine.speeds[TORCH] = 5.0
    chosen = machine.choose(compute)
    assert chosen.engine == TORCH == chosen.in_words()


@pytest.mark.parametrize("answer", [0.99, 2.0, float("nan")])
def test_an_engine_that_answers_otherwise_is_not_used_and_said_so(
    machine: Machine, compute: Compute, caplog: pytest.LogCaptureFixture, answer: float
) -> None:
    machine.answers[OPENVINO_BF16] = answer
    with caplog.at_level(logging.WARNING):
        chosen = machine.choose(compute)
    assert chosen.engine == OPENVINO_F32
    assert not chosen.measured[OPENVINO_BF16].usable
    assert "openvino bf16 answers otherwise than torch" in caplog.text
    assert "openvino f32" not in caplog.text
    again = machine.choose(compute)
    assert again.engine == OPENVINO_F32 and not again.measured[OPENVINO_BF16].usable


def test_torch_remains_where_all_others_answer_otherwise(machine: Machine, compute: Compute) -> None:
    machine.answers.update({OPENVINO_BF16: 0.5, OPENVINO_F32: 0.999})
    assert machine.choose(compute).engine == TORCH


@pytest.mark.parametrize(
    "error", [ImportError("no openvino"), RuntimeError("no bfloat16\nfurther lines"), OSError("no library")]
)
def test_an_engine_that_is_not_there_is_passed_over(machine: Machine, compute: Compute, error: Exception) -> None:
    machine.missing[OPENVINO_BF16] = error
    chosen = machine.choose(compute)
    assert chosen.engine == OPENVINO_F32
    assert chosen.measured[OPENVINO_BF16].problem == str(error).splitlines()[0]
    assert not chosen.measured[OPENVINO_BF16].usable


@pytest.mark.parametrize("error", [WeightsError("not FaceNet"), ConfigurationError("no such device")])
def test_what_the_user_must_mend_is_not_passed_over(machine: Machine, compute: Compute, error: Exception) -> None:
    machine.missing[TORCH] = error
    with pytest.raises(type(error), match=str(error)):
        machine.choose(compute)
    assert not file_of(compute).exists()


# --- remembered


def test_what_was_measured_is_remembered_and_only_the_chosen_one_built(machine: Machine, compute: Compute) -> None:
    first = machine.choose(compute)
    assert machine.built == [TORCH, OPENVINO_BF16, OPENVINO_F32]
    machine.built.clear()
    second = machine.choose(compute)
    assert second == first
    assert machine.built == [OPENVINO_BF16]
    assert choice.recall("facenet", WEIGHTS, compute) == first


def test_nothing_is_kept_where_there_is_no_folder(machine: Machine) -> None:
    for _ in range(2):
        assert machine.choose(Compute(device=CPU)).engine == OPENVINO_BF16
    assert len(machine.built) == 6


def measured_again(machine: Machine, compute: Compute, **network: str) -> bool:
    machine.built.clear()
    machine.choose(compute, **network)
    return len(machine.built) > 1


def test_another_network_or_other_weights_are_measured_by_themselves(machine: Machine, compute: Compute) -> None:
    machine.choose(compute)
    assert measured_again(machine, compute, name="dlib")
    assert measured_again(machine, compute, weights=OTHER_WEIGHTS)
    assert not measured_again(machine, compute)
    assert not measured_again(machine, compute, name="dlib")


def test_where_other_engines_are_tried_than_at_that_time_it_is_measured_again(
    machine: Machine, compute: Compute, monkeypatch: pytest.MonkeyPatch
) -> None:
    machine.choose(compute)
    monkeypatch.setattr(choice, "_TRIAL", choice._TRIAL + 1)
    assert measured_again(machine, compute)


def test_with_other_threads_it_is_measured_again_and_both_are_kept(machine: Machine, compute: Compute) -> None:
    """A server and a training with settings of their own must not make each other measure at every start."""
    machine.choose(compute)
    assert measured_again(machine, replace(compute, threads=1))
    assert not measured_again(machine, compute)
    assert not measured_again(machine, replace(compute, threads=1))


@pytest.mark.parametrize("package", ["torch", "openvino"])
def test_with_another_version_it_is_measured_again(
    machine: Machine, compute: Compute, monkeypatch: pytest.MonkeyPatch, package: str
) -> None:
    machine.choose(compute)
    real = choice._version
    monkeypatch.setattr(choice, "_version", lambda name: "99.0" if name == package else real(name))
    assert measured_again(machine, compute)
    assert not measured_again(machine, compute)


@pytest.mark.parametrize("circumstance", ["_processor", "cores"])
def test_on_another_processor_it_is_measured_again(
    machine: Machine, compute: Compute, monkeypatch: pytest.MonkeyPatch, circumstance: str
) -> None:
    machine.choose(compute)
    if circumstance == "cores":
        monkeypatch.setattr(os, "sched_getaffinity", lambda _: range(77), raising=False)
    else:
        monkeypatch.setattr(choice, circumstance, lambda: "another one")
    assert measured_again(machine, compute)


def test_old_measurements_do_not_collect(machine: Machine, compute: Compute, monkeypatch: pytest.MonkeyPatch) -> None:
    machine.choose(compute, name="dlib")
    for number in range(20):
        monkeypatch.setattr(choice, "_version", lambda _, number=number: str(number))
        machine.choose(compute)
    kept = json.loads(file_of(compute).read_text(encoding="utf-8"))
    assert len([key for key in kept if key.startswith("facenet")]) == 4
    assert not measured_again(machine, compute), "the newest was not kept"
    assert len([key for key in kept if key.startswith("dlib")]) == 1


def test_an_engine_that_was_chosen_and_is_gone_is_chosen_anew(
    machine: Machine, compute: Compute, caplog: pytest.LogCaptureFixture
) -> None:
    machine.choose(compute)
    machine.missing[OPENVINO_BF16] = RuntimeError("the package was removed")
    assert machine.choose(compute).engine == OPENVINO_F32
    assert "cannot be had on openvino bf16 any more (the package was removed)" in caplog.text
    assert not measured_again(machine, compute)


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"{",
        b"[]",
        b"null",
        b'"text"',
        b"\xff\xfe\x00",
        b'{"%s": 3}',
        b'{"%s": {}}',
        b'{"%s": {"engine": "openvino bf16"}}',
        b'{"%s": {"engine": "openvino bf16", "measured": []}}',
        b'{"%s": {"engine": "openvino bf16", "measured": {"torch": 3}}}',
        b'{"%s": {"engine": "openvino bf16", "measured": {"torch": {"speed": 3}}}}',
        b'{"%s": {"engine": "a later version\'s", "measured": {}}}',
    ],
)
def test_a_damaged_file_costs_a_measurement_only(machine: Machine, compute: Compute, content: bytes) -> None:
    machine.choose(compute)
    key = next(iter(json.loads(file_of(compute).read_text(encoding="utf-8"))))
    file_of(compute).write_bytes(content.replace(b"%s", key.encode()))
    assert measured_again(machine, compute)
    assert not measured_again(machine, compute)


def test_what_a_killed_conversion_left_goes_with_the_next_and_one_that_goes_on_stays(conversions: Conversions) -> None:
    assert conversions.parent is not None
    left, going_on = conversions.parent / ".draft-left", conversions.parent / ".draft-going-on"
    for folder in (left, going_on):
        folder.mkdir(parents=True)
    os.utime(left, (time.time() - 7200,) * 2)
    conversions.read()
    assert not left.exists() and going_on.exists()


def test_a_folder_that_cannot_be_written_costs_a_measurement_only(
    machine: Machine, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "file").write_text("in the way")
    compute = Compute(device=CPU, folder=tmp_path / "file" / "networks")
    for _ in range(2):
        assert machine.choose(compute).engine == OPENVINO_BF16
    assert len(machine.built) == 6
    assert "cannot be kept" in caplog.text


def test_a_full_disk_costs_a_measurement_only(
    machine: Machine, compute: Compute, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def full(*_: Any) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(choice, "write_atomically", full)
    assert machine.choose(compute).engine == OPENVINO_BF16
    assert "No space left" in caplog.text


# --- asked for by the settings


def test_torch_that_is_asked_for_is_taken_without_measuring(machine: Machine, compute: Compute) -> None:
    chosen = machine.choose(replace(compute, engine="torch"))
    assert chosen == Choice(TORCH, {}) and machine.built == [TORCH]
    assert not file_of(compute).exists()


def test_openvino_that_is_asked_for_is_taken_where_torch_is_faster(machine: Machine, compute: Compute) -> None:
    machine.speeds[TORCH] = 1.0
    assert machine.choose(compute).engine == TORCH
    asked = machine.choose(replace(compute, engine="openvino"))
    assert asked.engine == OPENVINO_BF16
    assert asked.measured[TORCH].milliseconds == 1.0  # it is still what the answers are compared with
    assert machine.choose(replace(compute, engine="openvino")) == asked
    assert machine.choose(compute).engine == TORCH


def test_openvino_that_is_asked_for_and_answers_otherwise_is_refused_with_why(
    machine: Machine, compute: Compute
) -> None:
    machine.answers[OPENVINO_F32] = 0.9
    machine.missing[OPENVINO_BF16] = RuntimeError("this processor does not compute in bfloat16")
    with pytest.raises(ConfigurationError) as refused:
        machine.choose(replace(compute, engine="openvino"))
    assert "openvino bf16: this processor does not compute in bfloat16" in str(refused.value)
    assert "openvino f32: its answers differ" in str(refused.value)


@pytest.mark.parametrize("device", ["cuda", "cuda:1", "mps"])
def test_openvino_on_an_accelerator_is_refused_with_what_to_do(machine: Machine, compute: Compute, device: str) -> None:
    with pytest.raises(ConfigurationError, match="SMARTATTENDANCE_DEVICE=cpu"):
        machine.choose(replace(compute, engine="openvino", device=device))
    assert machine.built == []


def test_on_an_accelerator_torch_is_taken_without_measuring(machine: Machine, compute: Compute) -> None:
    assert machine.choose(replace(compute, device="cuda")) == Choice(TORCH, {})
    assert machine.built == [TORCH]


def test_an_engine_of_no_known_name_is_refused_with_those_there_are(machine: Machine, compute: Compute) -> None:
    with pytest.raises(ConfigurationError, match="'tensorrt'; there are auto, torch, openvino"):
        machine.choose(replace(compute, engine="tensorrt"))


def test_the_settings_say_where(tmp_path: Path) -> None:
    settings = make_settings(tmp_path, "sqlite://", engine="openvino", threads=3, engine_dir=tmp_path / "there")
    assert compute_of(settings) == Compute(settings.device, "openvino", 3, tmp_path / "there")
    beside = replace(settings, engine_dir=None, cache_dir=tmp_path / "cache")
    assert compute_of(beside).folder == tmp_path / "cache" / "networks"


# --- several at once


def test_two_at_once_measure_once(machine: Machine, compute: Compute) -> None:
    """Two workers of a server start together: side by side both would measure wrongly, and convert twice."""
    together = threading.Barrier(4)

    def start(_: int) -> Choice:
        together.wait(30)
        return machine.choose(compute)

    with ThreadPoolExecutor(4) as pool:
        chosen = list(pool.map(start, range(4)))
    assert all(each == chosen[0] for each in chosen)
    assert machine.built.count(TORCH) == 1 == machine.built.count(OPENVINO_F32)


def test_one_who_measures_for_ever_does_not_stop_the_others(
    machine: Machine, compute: Compute, monkeypatch: pytest.MonkeyPatch
) -> None:
    import filelock

    monkeypatch.setattr(choice, "_LONGEST_WAIT_SECONDS", 0.05)
    assert compute.folder is not None
    compute.folder.mkdir()
    with filelock.FileLock(compute.folder / ".lock"):
        assert machine.choose(compute).engine == OPENVINO_BF16
    assert not measured_again(machine, compute)


# --- converted networks


class Conversions:
    """Counts how often a network was converted. parent: where it is kept."""

    def __init__(self, parent: Path | None) -> None:
        self.parent, self.count = parent, 0

    def read(self, weights: str = WEIGHTS, factor: float = 2.0) -> float:
        """What the network makes of 3."""

        def convert() -> ov.Model:
            self.count += 1
            x = ov.opset13.parameter([-1, 3], np.float32)
            return ov.Model([ov.opset13.multiply(x, np.full(3, factor, np.float32))], [x])

        model = converted.converted("doubling", weights, self.parent, convert)
        found = ov.Core().compile_model(model, "CPU")(np.full((5, 3), 3.0, np.float32))[0]
        assert found.shape == (5, 3)
        return float(found[0, 0])

    def folders(self) -> list[Path]:
        assert self.parent is not None
        return sorted(self.parent.iterdir())


@pytest.fixture
def conversions(tmp_path: Path) -> Iterator[Conversions]:
    yield Conversions(tmp_path / "networks")


def test_a_network_is_converted_once_and_read_back(conversions: Conversions) -> None:
    assert conversions.read() == 6.0
    assert conversions.read() == 6.0
    assert conversions.count == 1
    [folder] = conversions.folders()
    assert folder.name.startswith(f"doubling-{WEIGHTS[:16]}-{ov.__version__.split('-')[0]}-")


def test_its_numbers_are_kept_in_single_precision(conversions: Conversions) -> None:
    conversions.read(factor=1 + 2.0**-20)
    assert conversions.read() == np.float32(3 * (1 + 2.0**-20)) != 3.0


def test_other_weights_are_another_network(conversions: Conversions) -> None:
    assert conversions.read() == 6.0
    assert conversions.read(OTHER_WEIGHTS, factor=5.0) == 15.0
    assert conversions.read() == 6.0
    assert conversions.count == 2 and len(conversions.folders()) == 2


@pytest.mark.parametrize("name", ["network.xml", "network.bin", "sha256.json"])
@pytest.mark.parametrize("damage", ["changed", "cut short", "gone", "of another form"])
def test_a_damaged_one_is_made_anew(
    conversions: Conversions, caplog: pytest.LogCaptureFixture, name: str, damage: str
) -> None:
    conversions.read()
    path = conversions.folders()[0] / name
    content = path.read_bytes()
    if damage == "gone":
        path.unlink()
    elif damage == "of another form":
        path.write_bytes(b"[]")
    else:
        path.write_bytes(content[:-1] if damage == "cut short" else content[:-1] + bytes([content[-1] ^ 1]))
    assert conversions.read() == 6.0
    assert conversions.count == 2 and "is damaged" in caplog.text
    assert conversions.read() == 6.0
    assert conversions.count == 2 and len(conversions.folders()) == 1


def test_a_folder_that_cannot_be_written_costs_the_conversion_only(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "file").write_text("in the way")
    conversions = Conversions(tmp_path / "file" / "networks")
    assert conversions.read() == 6.0 == conversions.read()
    assert conversions.count == 2 and "cannot be kept" in caplog.text


def test_a_full_disk_leaves_nothing_half_written(
    conversions: Conversions, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def full(_: Path) -> str:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(converted, "_sha256", full)
    assert conversions.read() == 6.0
    assert conversions.folders() == [] and "No space left" in caplog.text
    monkeypatch.undo()
    assert conversions.read() == 6.0 and len(conversions.folders()) == 1


def test_without_a_folder_nothing_is_kept() -> None:
    conversions = Conversions(None)
    assert conversions.read() == 6.0 == conversions.read()
    assert conversions.count == 2


def test_older_conversions_of_the_same_weights_go(conversions: Conversions, monkeypatch: pytest.MonkeyPatch) -> None:
    conversions.read()
    conversions.read(OTHER_WEIGHTS)
    before = conversions.folders()
    monkeypatch.setattr(converted, "CONVERSION", converted.CONVERSION + 1)
    conversions.read()
    monkeypatch.setattr(ov, "__version__", "2099.1.0-123-rest")
    conversions.read()
    assert conversions.count == 4
    names = [folder.name for folder in conversions.folders()]
    assert names == [f"doubling-{WEIGHTS[:16]}-2099.1.0-{converted.CONVERSION}", before[1].name]


def test_one_that_another_process_made_meanwhile_is_kept(
    conversions: Conversions, monkeypatch: pytest.MonkeyPatch
) -> None:
    conversions.read()
    [folder] = conversions.folders()
    elsewhere = folder.with_name("kept")
    shutil.move(folder, elsewhere)
    real = ov.save_model

    def slower(*args: Any, **options: Any) -> None:
        real(*args, **options)
        # put there between our making place for it and our move
        shutil.move(elsewhere, folder)
        monkeypatch.setattr(shutil, "rmtree", lambda *_, **__: None)

    monkeypatch.setattr(ov, "save_model", slower)
    assert conversions.read() == 6.0
    monkeypatch.undo()
    assert conversions.read() == 6.0
    assert conversions.count == 2
