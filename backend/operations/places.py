"""Where the server keeps what is made of faces."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from operations import review_crops, trainings
from operations.face_files import FaceFiles
from recognizer.weights import default_cache_dir


@dataclass(frozen=True, slots=True)
class Places:
    """data_dir: the server's own folder. dataset_dir: of the face images to train on. cache_dir: of remembered
    embeddings, None for the user's cache folder."""

    data_dir: Path
    dataset_dir: Path
    model_dir: Path
    cache_dir: Path | None
    signing_key: bytes | None = None

    @property
    def files(self) -> FaceFiles:
        return FaceFiles(self.dataset_dir, self.data_dir / "faces.lock")

    @property
    def crops(self) -> Path:
        return review_crops.folder_of(self.data_dir)

    @property
    def trainings(self) -> Path:
        return self.data_dir / trainings.FOLDER

    @property
    def erasure_lock(self) -> Path:
        """Held while erasing."""
        return self.data_dir / "erasure.lock"

    @property
    def erasure_journal(self) -> Path:
        """What was erased, for when a backup is restored."""
        return self.data_dir / "erasures.jsonl"

    @property
    def embeddings(self) -> Path:
        """The folder of remembered embeddings."""
        return self.cache_dir or default_cache_dir()
