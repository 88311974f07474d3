"""Sends pictures that are far too large to a server in this process, and prints what was answered and by how much the
memory of the process grew at its highest. Run by a test: only a process of its own has a highest of its own."""

from __future__ import annotations

import json
import resource
import sys
import zlib
from pathlib import Path

from support.recognition import known, picture
from support.service import make_service, make_settings

SIDE = 14_143  # squared: 200 megapixels


def huge_png() -> bytes:
    """A PNG of 200 megapixels, all of them black, in some hundred kilobytes."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return len(data).to_bytes(4, "big") + kind + data + zlib.crc32(kind + data).to_bytes(4, "big")

    header = SIDE.to_bytes(4, "big") * 2 + bytes([8, 0, 0, 0, 0])
    packer, row = zlib.compressobj(6), bytes(SIDE + 1)
    pixels = b"".join(packer.compress(row) for _ in range(SIDE)) + packer.flush()
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", pixels) + chunk(b"IEND", b"")


def highest_megabytes() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / (1024 if sys.platform != "darwin" else 1024**2)


def main(folder: Path) -> None:
    service = make_service(make_settings(folder, f"sqlite:///{folder / 'test.sqlite3'}"))
    instructor = service.user()
    course = service.course(staff=(instructor,))
    client = service.program(instructor)
    session = service.session(course)
    client.post(f"/sessions/{session}/open")
    bodies = {
        "png": ("image/png", huge_png()),
        "jpeg": ("image/jpeg", b"\xff\xd8\xff\xe0" + bytes(40_000_000)),
    }
    client.post(f"/sessions/{session}/frames", data=picture(known("S1")), content_type="image/png")
    before = highest_megabytes()
    answers = {}
    for name, (kind, body) in bodies.items():
        for path in (f"/sessions/{session}/frames", "/recognize"):
            answer = client.post(path, data=body, content_type=kind)
            answers[f"{name} {path.rsplit('/')[-1]}"] = [answer.status_code, answer.json["code"]]
    print(json.dumps({"answers": answers, "grown": highest_megabytes() - before}))


if __name__ == "__main__":
    main(Path(sys.argv[1]))
