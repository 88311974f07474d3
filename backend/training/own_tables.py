"""The stranger table of a network that the user brought: measured on a folder of people, kept beside the weights."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from errors import TrainingError
from recognizer.durable_files import write_atomically
from recognizer.onnx_files import strangers_file
from recognizer.types import EmbedderInfo, FloatArray
from recognizer.weights import WeightsFile
from training.profiles import EmbedderProfile, estimated_profile, load_profile

_LARGEST = 1_000_000  # bytes; a table has a few thousand


def profile_for(
    weights: WeightsFile, info: EmbedderInfo, embeddings: FloatArray, student_ids: NDArray[np.str_]
) -> EmbedderProfile:
    """What is known of strangers to the network of ``weights``: the committed table, for an ONNX network the one beside
    its file, and where there is none an estimate from the class. Raises TrainingError for a table that cannot be
    used."""
    if weights.onnx is None:
        return load_profile(info.id)
    path = strangers_file(weights.path)
    if not path.exists():
        return estimated_profile(embeddings, student_ids, info.id)
    return _read(path, info)


def write_table(weights: WeightsFile, info: EmbedderInfo, profile: EmbedderProfile) -> Path:
    """Keep ``profile`` beside the weights; where. Raises TrainingError when that folder cannot be written."""
    path = strangers_file(weights.path)
    content = {
        "weights_sha256": info.weights_sha256,
        "crop_recipe": dict(info.crop_recipe),
        "profile": profile.as_dict(),
    }
    try:
        write_atomically(path, (json.dumps(content, indent=1) + "\n").encode())
    except OSError as error:
        raise TrainingError(f"the stranger table {path} cannot be written: {error.strerror or error}") from error
    return path


def _read(path: Path, info: EmbedderInfo) -> EmbedderProfile:
    remedy = "measure it again with --measure-network DIR, or remove the table"
    try:
        if path.stat().st_size > _LARGEST:
            raise ValueError(f"it has more than {_LARGEST:,} bytes")
        found = json.loads(path.read_text(encoding="utf-8"))
        sha256, recipe = found["weights_sha256"], found["crop_recipe"]
        profile = EmbedderProfile.from_dict(found["profile"])
    except OSError as error:
        raise TrainingError(f"the stranger table {path} cannot be read: {error.strerror or error}") from error
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        what = f"{error} is missing" if isinstance(error, KeyError) else str(error)[:200]
        raise TrainingError(f"the stranger table {path} is damaged ({what}); {remedy}") from error
    if sha256 != info.weights_sha256:
        raise TrainingError(f"the stranger table {path} was measured with another network than this file; {remedy}")
    if recipe != dict(info.crop_recipe):
        raise TrainingError(f"the stranger table {path} was measured with another recipe of crops; {remedy}")
    return profile
