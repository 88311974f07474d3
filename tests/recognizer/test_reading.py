"""Which model files are taken, and what is said about the others."""

from __future__ import annotations

import json
import pickle
from pathlib import Path

import numpy as np
import pytest

from errors import ModelError, ModelFormatError, ModelIntegrityError, ModelNotFoundError
from recognizer.artifact import MODEL_FILE, encode
from recognizer.history import activate, publish
from recognizer.manifest import MANIFEST_FILE
from recognizer.reading import load_artifact
from support.models import make_artifact, make_embedder

KEY = b"k" * 32


@pytest.fixture
def published(tmp_path: Path) -> Path:
    publish(tmp_path, make_artifact("v1", students=5, created_at="2026-01-01"), {})
    publish(tmp_path, make_artifact("v2", created_at="2026-01-02"), {})
    return tmp_path / MODEL_FILE


def test_what_is_known_of_a_loaded_model(published: Path) -> None:
    artifact, info = load_artifact(published)
    assert info.model_version == artifact.model_version == "v2"
    assert (info.format_version, info.student_count, info.verified) == (1, 3, "manifest")
    assert (info.created_at, dict(info.metrics)) == ("2026-01-02", {"rank1": 1.0})
    assert info.embedder == make_embedder()


def test_a_file_alone_is_loaded_but_called_unverified(tmp_path: Path) -> None:
    file = tmp_path / "any-name.pkl"
    file.write_bytes(encode(make_artifact("v5")))
    assert load_artifact(file)[1].verified == "unverified"
    with pytest.raises(ModelIntegrityError, match=r"signing key is set.*no MANIFEST\.json"):
        load_artifact(file, signing_key=KEY)


def test_no_file(tmp_path: Path) -> None:
    with pytest.raises(ModelNotFoundError, match=r"run python train_production_model\.py"):
        load_artifact(tmp_path / MODEL_FILE)
    with pytest.raises(ModelError, match="cannot be read"):
        load_artifact(tmp_path)


def test_a_truncated_file_is_named_with_its_sizes(published: Path) -> None:
    data = published.read_bytes()
    published.write_bytes(data[: len(data) // 2])
    with pytest.raises(ModelIntegrityError, match=f"cut short: {len(data) // 2:,} of the {len(data):,} bytes of .*v2"):
        load_artifact(published)


def test_an_altered_file_is_refused_wherever_it_was_altered(published: Path) -> None:
    data = published.read_bytes()
    for place in range(0, len(data), len(data) // 7):
        altered = bytearray(data)
        altered[place] ^= 1
        published.write_bytes(bytes(altered))
        with pytest.raises(ModelIntegrityError, match=r"altered: .*version v2.*Train again or activate"):
            load_artifact(published)
    published.write_bytes(b"something else")
    with pytest.raises(ModelIntegrityError, match=f"14 bytes found; the newest version has {len(data):,}"):
        load_artifact(published)
    published.write_bytes(data)
    assert load_artifact(published)[1].model_version == "v2"


def test_a_model_put_there_by_hand_needs_the_manifest_moved_away(published: Path) -> None:
    published.write_bytes(encode(make_artifact("by-hand")))
    with pytest.raises(ModelIntegrityError, match=r"on purpose, move MANIFEST\.json away"):
        load_artifact(published)
    (published.parent / MANIFEST_FILE).unlink()
    assert load_artifact(published)[1].model_version == "by-hand"


def test_signatures(tmp_path: Path) -> None:
    publish(tmp_path, make_artifact("v1", created_at="2026-01-01"), {}, KEY)
    publish(tmp_path, make_artifact("v2", created_at="2026-01-02"), {})
    path = tmp_path / MODEL_FILE
    assert load_artifact(path)[1].verified == "manifest"
    with pytest.raises(ModelIntegrityError, match="v2 is not signed"):
        load_artifact(path, signing_key=KEY)
    with pytest.raises(ModelIntegrityError, match="another key"):
        activate(tmp_path, "v1", b"x" * 32)
    activate(tmp_path, "v1", KEY)
    assert load_artifact(path, signing_key=KEY)[1].verified == "signed"
    with pytest.raises(ModelIntegrityError, match="signed with another key"):
        load_artifact(path, signing_key=b"x" * 32)
    # A signature of one file does not serve another, nor another version's name.
    manifest = json.loads((tmp_path / MANIFEST_FILE).read_text())
    signed = next(sha256 for sha256, entry in manifest.items() if entry["hmac"])
    other = next(sha256 for sha256 in manifest if sha256 != signed)
    manifest[other]["hmac"] = manifest[signed]["hmac"]
    (tmp_path / MANIFEST_FILE).write_text(json.dumps(manifest))
    activate(tmp_path, "v2")
    with pytest.raises(ModelIntegrityError, match="signature was altered"):
        load_artifact(path, signing_key=KEY)
    manifest[signed]["model_version"] = "v9"
    (tmp_path / MANIFEST_FILE).write_text(json.dumps(manifest))
    path.write_bytes((tmp_path / "history" / "v1" / MODEL_FILE).read_bytes())
    with pytest.raises(ModelIntegrityError, match="signature was altered"):
        load_artifact(path, signing_key=KEY)


def test_size_limits(published: Path) -> None:
    with pytest.raises(ModelIntegrityError, match="more than the 100 bytes"):
        load_artifact(published, max_bytes=100)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"format_version": 2}, r"newer version \(format 2\); update SmartAttendance"),
        ({"classes": np.array(["a", "b"])}, "fitted on 3 classes, but 2 are named"),
        ({"classes": np.array(["a", "b", "b"])}, "listed more than once"),
        ({"metadata": {}}, "metadata lacks"),
        ({"metadata": None}, "metadata as a dict"),
        ({"model": {}}, "got dict"),
        ({"gallery": {"centroids": np.zeros((2, 16), np.float32)}}, "expected centroids"),
    ],
)
def test_an_intact_file_of_the_wrong_content(tmp_path: Path, changes: dict[str, object], message: str) -> None:
    content = {**pickle.loads(encode(make_artifact())), **changes}
    path = tmp_path / MODEL_FILE
    path.write_bytes(pickle.dumps(content, protocol=5))
    with pytest.raises(ModelFormatError, match=message):
        load_artifact(path)


def test_state_that_no_check_foresaw_is_a_format_error_too(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / MODEL_FILE
    path.write_bytes(encode(make_artifact()))

    def odd(content: object) -> None:
        raise AttributeError("no such thing")

    monkeypatch.setattr("recognizer.reading.decode", odd)
    with pytest.raises(ModelFormatError, match=r"does not fit together.*no such thing.*train again"):
        load_artifact(path)
