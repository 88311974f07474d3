"""The machine: cores, memory, and whether it swaps."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

from diagnosis import remedies
from diagnosis.case import Case
from diagnosis.finding import Finding, note, ok
from diagnosis.wording import count, size

# The networks, the model and the pictures on their way.
_ENOUGH = 1_500_000_000


def cores_for_us() -> int:
    """The cores that this process may use: of a container, its share."""
    able = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    share = _read("/sys/fs/cgroup/cpu.max").split()
    if len(share) == 2 and share[0].isdigit():
        able = min(able, max(1, round(int(share[0]) / int(share[1]))))
    return able


def processor(case: Case) -> Iterator[Finding]:
    cores, threads = cores_for_us(), case.settings.threads
    if threads > cores:
        yield note(
            "threads",
            "Processor",
            f"SMARTATTENDANCE_THREADS is {threads}, and there {'is' if cores == 1 else 'are'} {count(cores, 'core')}: "
            "the networks' threads wait for one another",
            "Leave it to PyTorch.",
            remedies.unset_variable("SMARTATTENDANCE_THREADS"),
        )
    elif cores == 1:
        yield note(
            "one_core",
            "Processor",
            "one core: the page waits while a frame is recognised",
            "Give the machine a second core, if you can.",
        )
    else:
        yield ok("processor", "Processor", count(cores, "core"))


def memory(case: Case) -> Iterator[Finding]:
    """Of Linux, which says it in files."""
    found = meminfo(_read("/proc/meminfo"))
    available = found.get("MemAvailable")
    if available is None:
        return
    limit = _read("/sys/fs/cgroup/memory.max").strip()
    used = _read("/sys/fs/cgroup/memory.current").strip()
    if limit.isdigit() and used.isdigit():
        available = min(available, int(limit) - int(used))
    swapped = found.get("SwapTotal", 0) - found.get("SwapFree", 0)
    text = f"{size(available)} are free"
    if available < _ENOUGH:
        yield note(
            "memory_low",
            "Memory",
            f"{text}, and the networks take about 1.5 GB"
            + (f"; {size(swapped)} were moved to the disk" if swapped else ""),
            "End other programs, or give the machine more memory: what is moved to the disk makes every frame slow.",
        )
    else:
        yield ok("memory", "Memory", text)


def meminfo(text: str) -> dict[str, int]:
    """The entries of /proc/meminfo in bytes."""
    found = {}
    for line in text.splitlines():
        name, _, rest = line.partition(":")
        words = rest.split()
        if words and words[0].isdigit():
            found[name] = int(words[0]) * 1024
    return found


def _read(path: str) -> str:
    try:
        return Path(path).read_text(encoding="ascii", errors="replace")
    except OSError:
        return ""


CHECKS = ((processor, "Processor"), (memory, "Memory"))
