"""The models that training has kept, as lines for people, and going back to one of them without a server."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from errors import EmbedderMismatchError, ModelNotFoundError, SmartAttendanceError
from recognizer.artifact import MODEL_FILE, ClassifierArtifact, check_model_version
from recognizer.history import HISTORY_FOLDER, StoredVersion, activate, list_versions
from recognizer.reading import load_artifact

PREVIOUS = "previous"
"""Stands for the version that was trained before the one in use."""

_TITLES = ("version", "students", "embedder", "percentile", "named rightly", "strangers, expected", "")


def go_back(model_dir: Path, version: str, *, embedder: str = "auto", signing_key: bytes | None = None) -> str:
    """Make ``version`` of the history, or ``PREVIOUS``, the model in use; the version that is in use then.

    embedder: the one that recognition is set to; with ``auto`` it follows the model. Raises EmbedderMismatchError when
    that is another than the version's, and ModelError as ``recognizer.history.activate`` does; the model in use is
    unchanged then.
    """
    wanted = _previous(list_versions(model_dir), model_dir) if version == PREVIOUS else check_model_version(version)
    file = _file_of(model_dir, wanted)
    if file.is_file():
        # its signature is checked when it is activated, by the manifest, which is not in this folder
        needed = load_artifact(file)[0].embedder
        if needed is not None and embedder not in ("auto", needed.id):
            raise EmbedderMismatchError(
                f"model {wanted} was trained with the embedder {needed.id}, but {embedder} is set. Set "
                f"SMARTATTENDANCE_EMBEDDER to {needed.id} or auto, restart the server, then try again"
            )
    return activate(model_dir, wanted, signing_key).version


def model_lines(model_dir: Path) -> Iterator[str]:
    """A table of the versions in the history, newest first. Raises ModelIntegrityError when the manifest is damaged."""
    stored = list_versions(model_dir)
    if not stored:
        yield f"There are no models in {model_dir / HISTORY_FOLDER} yet."
        return
    yield f"Models in {model_dir / HISTORY_FOLDER}, the newest first:"
    rows = [_TITLES, *(_row(model_dir, item) for item in stored)]
    widths = [max(len(row[column]) for row in rows) for column in range(len(_TITLES))]
    for row in rows:
        yield "  " + "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()


def _previous(stored: tuple[StoredVersion, ...], model_dir: Path) -> str:
    place = next((index for index, item in enumerate(stored) if item.active), None)
    if place is None:
        raise ModelNotFoundError(
            f"none of the models in {model_dir / HISTORY_FOLDER} is in use, so there is none before it. Name one; "
            f"there are: {', '.join(item.version for item in stored) or 'none'}"
        )
    if place + 1 == len(stored):
        raise ModelNotFoundError(
            f"{stored[place].version}, which is in use, is the oldest model in {model_dir / HISTORY_FOLDER}"
        )
    return stored[place + 1].version


def _file_of(model_dir: Path, version: str) -> Path:
    return model_dir / HISTORY_FOLDER / version / MODEL_FILE


def _row(model_dir: Path, item: StoredVersion) -> tuple[str, ...]:
    use = "in use" if item.active else ""
    try:
        artifact, _ = load_artifact(_file_of(model_dir, item.version))
    except SmartAttendanceError:
        return (item.version, *["-"] * 5, use or "cannot be read")
    return (item.version, str(len(artifact.classes)), *_measured(artifact), use)


def _measured(artifact: ClassifierArtifact) -> tuple[str, str, str, str]:
    """embedder, percentile, named rightly and strangers expected; files of old versions tell the first at most."""
    metadata = artifact.metadata
    percentile = _mapping(metadata.get("config")).get("threshold_percentile")
    named = _mapping(_mapping(metadata.get("metrics")).get("tpir")).get("value")
    expected = _mapping(metadata.get("thresholds")).get("expected_fpir")
    estimated = " (estimated)" if _mapping(metadata.get("profile_origin")).get("estimated") else ""
    return (
        "-" if artifact.embedder is None else artifact.embedder.id,
        f"{percentile:g}" if isinstance(percentile, int | float) else "-",
        f"{100 * named:.1f} %" if isinstance(named, int | float) else "-",
        f"{100 * expected:.2g} %{estimated}" if isinstance(expected, int | float) else "-",
    )


def _mapping(value: object) -> Mapping[str, Any]:
    return value if isinstance(value, Mapping) else {}
