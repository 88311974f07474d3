"""A copy of a model does not outlive its process."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from cluster.private_folder import PrivateFolder
from errors import ConfigurationError

BACKEND = Path(__file__).parents[2] / "backend"


def test_each_process_has_one_of_its_own_and_takes_it_away(tmp_path: Path) -> None:
    first, second = PrivateFolder(tmp_path / "copies"), PrivateFolder(tmp_path / "copies")
    (first.path / "model.pkl").write_bytes(b"faces")
    (second.path / "model.pkl").write_bytes(b"faces")
    third = PrivateFolder(tmp_path / "copies")
    assert len({folder.path for folder in (first, second, third)}) == 3
    assert (first.path / "model.pkl").exists()
    first.remove()
    assert not first.path.exists()
    assert (second.path / "model.pkl").exists()
    second.remove()
    third.remove()
    assert [path.name for path in (tmp_path / "copies").iterdir()] in ([], ["all.lock"])


def test_what_a_killed_process_left_is_removed_by_the_next(tmp_path: Path) -> None:
    script = (
        "import sys, pathlib\n"
        "from cluster.private_folder import PrivateFolder\n"
        "folder = PrivateFolder(pathlib.Path(sys.argv[1]))\n"
        "(folder.path / 'model.pkl').write_bytes(b'faces')\n"
        "print('made', flush=True)\n"
        "sys.stdin.read()\n"
    )
    with subprocess.Popen(
        [sys.executable, "-c", script, str(tmp_path)],
        cwd=BACKEND,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdout is not None
        assert process.stdout.readline().strip() == "made"
        alive = PrivateFolder(tmp_path)
        assert len(list(tmp_path.glob("*/model.pkl"))) == 1
        process.kill()
        process.wait()
        alive.remove()
    PrivateFolder(tmp_path).remove()
    assert not list(tmp_path.rglob("model.pkl"))
    assert not list(tmp_path.glob("copy-*"))


def test_a_place_where_none_can_be_made_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"")
    with pytest.raises(ConfigurationError, match="SMARTATTENDANCE_CACHE_DIR"):
        PrivateFolder(tmp_path / "file" / "copies")
