"""Fetch the libraries of the page from their npm packages, as VERSIONS.json names them, and note their hashes.

    python frontend/vendor/update.py

Needs npm. A library that imports another by its package's name is made to import the file beside it, because a page
with a strict Content-Security-Policy has no import map; VERSIONS.json says what was replaced, and holds the hash of the
file as published and as it lies here.
"""

from __future__ import annotations

import hashlib
import json
import re
import shutil
import subprocess
import tarfile
import tempfile
from pathlib import Path

HERE = Path(__file__).resolve().parent
VERSIONS = HERE / "VERSIONS.json"


def main() -> None:
    npm = shutil.which("npm")
    if npm is None:
        raise SystemExit("npm is needed to fetch the packages; it comes with Node.js")
    listed = json.loads(VERSIONS.read_text(encoding="utf-8"))
    with tempfile.TemporaryDirectory() as name:
        for package in listed["packages"]:
            _fetch(npm, package, Path(name), listed["local_names"])
    VERSIONS.write_text(json.dumps(listed, indent=2) + "\n", encoding="utf-8")


def _fetch(npm: str, package: dict, folder: Path, local_names: dict[str, str]) -> None:
    wanted = f"{package['name']}@{package['version']}"
    printed = subprocess.run(
        [npm, "pack", "--json", wanted], cwd=folder, capture_output=True, text=True, check=True
    ).stdout
    (packed,) = _as_list(json.loads(printed))
    with tarfile.open(folder / packed["filename"]) as archive:
        for file in package["files"]:
            content = archive.extractfile(f"package/{file['source']}").read()
            file["published_sha256"] = hashlib.sha256(content).hexdigest()
            changed = with_local_imports(content, local_names) if file["file"].endswith(".mjs") else content
            file["sha256"] = hashlib.sha256(changed).hexdigest()
            target = HERE / file["file"]
            target.parent.mkdir(exist_ok=True)
            target.write_bytes(changed)
            print(f"{wanted}: {file['file']}")


def _as_list(printed: object) -> list:
    """npm has printed a list, and from version 11.6 on an object by package."""
    return list(printed.values()) if isinstance(printed, dict) else list(printed)


def with_local_imports(content: bytes, local_names: dict[str, str]) -> bytes:
    """The module with its imports of packages replaced by the files beside it, and without the pointer to a source
    map, which is not here."""
    for name, file in local_names.items():
        content = content.replace(f'from"{name}"'.encode(), f'from"./{file}"'.encode())
    return re.sub(rb"\n//# sourceMappingURL=\S+\s*$", b"\n", content)


if __name__ == "__main__":
    main()
