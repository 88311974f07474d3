"""``demo.py`` with three students and a stranger. Arguments: the folder of the demo, then those of demo.py."""

from __future__ import annotations

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "backend"))

from demo import main
from demonstration.cast import Cast
from demonstration.folder import DemoFolder
from sample_class.members import STRANGERS, STUDENTS

STUDENTS_IN_VIEW, STRANGER = STUDENTS[:3], STRANGERS[0]
CAST = Cast(
    students=STUDENTS_IN_VIEW,
    strangers=(STRANGER,),
    photos=4,
    kept_back=1,
    stranger_photos=1,
    groups=((STUDENTS[0], STRANGER), (STUDENTS[1], STUDENTS[2])),
    seconds=1.2,
)

if __name__ == "__main__":
    sys.exit(main(sys.argv[2:], DemoFolder(Path(sys.argv[1])), CAST))
