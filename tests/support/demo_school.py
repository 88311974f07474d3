"""The demo with a few students, served: ``python demo_school.py FOLDER``, at SMARTATTENDANCE_PORT."""

from __future__ import annotations

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "backend"))

from demonstration.cast import Cast
from demonstration.folder import DemoFolder
from demonstration.running import run
from interrupts import ended_by_signals
from sample_class.members import STRANGERS, STUDENTS

# Enough photos that nobody is doubtful, so few people and seconds that it is drawn while one waits.
SMALL = Cast(
    students=STUDENTS[:5],
    strangers=STRANGERS[:2],
    photos=8,
    kept_back=1,
    stranger_photos=2,
    groups=(STUDENTS[:1], (STUDENTS[1], STRANGERS[0]), STUDENTS[2:4]),
    seconds=4.0,
)

if __name__ == "__main__":
    with ended_by_signals():
        sys.exit(run(DemoFolder(Path(sys.argv[1])), SMALL))
