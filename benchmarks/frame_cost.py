"""What a frame costs beside its recognition: statements, rows, and the time of a server process and of PostgreSQL.

    python benchmarks/frame_cost.py [--frames 600] [--json FILE]

A lesson of fifty students, one frame a second; every twelve seconds somebody comes into view, and stays there for a
minute. Nothing is recognised: a picture says who is in it. Milliseconds of processor time a frame, as other programs do
not change that by much, through Flask without a socket. ``decode`` of the picture is part of it; ``service_times.py``
has that of a camera's. Needs a PostgreSQL server, as the tests do.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "backend"))
sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "tests"))

from sqlalchemy import Engine, event, text

from attendance.models import Base
from support.databases import postgres_database
from support.hot_swap import lesson
from support.recognition import known, picture
from support.service import Service, make_service, make_settings

STUDENTS, EVERY, STAYS, WARM_UP = 50, 12, 60, 20


def in_view(second: int) -> list[str]:
    first = max(0, (second - STAYS) // EVERY + 1)
    return [f"s{number:02d}" for number in range(first, min(STUDENTS, second // EVERY + 1))]


def postgres_seconds(service: Service) -> float:
    """Processor time of all processes that serve this database."""
    with service.db() as db:
        ids = db.scalars(text("SELECT pid FROM pg_stat_activity WHERE datname = current_database()")).all()
    ticks = 0
    for number in ids:
        fields = Path(f"/proc/{number}/stat").read_text(encoding="ascii").rpartition(")")[2].split()
        ticks += int(fields[11]) + int(fields[12])
    return ticks / os.sysconf("SC_CLK_TCK")


def rows_of(service: Service) -> dict[str, int]:
    with service.db() as db:
        return {name: db.scalar(text(f'SELECT count(*) FROM "{name}"')) or 0 for name in sorted(Base.metadata.tables)}


def measure(service: Service, frames: int) -> dict[str, Any]:
    headers, (path, _) = lesson(service, [f"s{number:02d}" for number in range(STUDENTS)])
    client = service.app.test_client()
    statements: Counter[str] = Counter()
    transactions = 0

    def said(_connection: Any, _cursor: Any, statement: str, *_: Any) -> None:
        statements[statement.split()[0]] += 1

    def send(second: int) -> None:
        service.clock.advance(seconds=1)
        body = picture(*map(known, in_view(second)), nonce=second)
        answer = client.post(path, data=body, headers={**headers, "Idempotency-Key": f"frame {second}"})
        if answer.status_code != 200:
            raise SystemExit(f"a frame was answered {answer.status_code}: {answer.text[:300]}")

    def begun(_connection: Any) -> None:
        nonlocal transactions
        transactions += 1

    for second in range(WARM_UP):
        send(second)
    before, of_database = rows_of(service), postgres_seconds(service)
    event.listen(Engine, "before_cursor_execute", said)
    event.listen(Engine, "begin", begun)
    of_server = time.process_time()
    for second in range(WARM_UP, WARM_UP + frames):
        send(second)
    of_server = time.process_time() - of_server
    event.remove(Engine, "before_cursor_execute", said)
    event.remove(Engine, "begin", begun)
    of_database = postgres_seconds(service) - of_database
    after = rows_of(service)
    return {
        "frames": frames,
        "server_ms": round(1000 * of_server / frames, 2),
        "postgres_ms": round(1000 * of_database / frames, 2),
        "transactions": round(transactions / frames, 2),
        "statements": {name: round(count / frames, 2) for name, count in sorted(statements.items())},
        "rows": {name: after[name] - before[name] for name in after if after[name] > before[name]},
    }


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--frames", type=int, default=600)
    parser.add_argument("--json", type=Path, metavar="FILE")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder, postgres_database() as url:
        service = make_service(make_settings(Path(folder), url))
        try:
            found = measure(service, arguments.frames)
        finally:
            service.database.close()
    print(found)
    if arguments.json:
        arguments.json.write_text(json.dumps(found, indent=2) + "\n", encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
