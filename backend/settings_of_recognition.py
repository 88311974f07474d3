"""The settings of recognition and training; ``config.Settings`` joins them with the server's."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

from setting_kinds import BACKEND_DIR, Choice, Decimal, Flag, Location, Probabilities, Secret, Whole, about


@dataclass(frozen=True)
class RecognitionSettings:
    """For what each does and why its default is what it is, see its ``help`` and ``reason``."""

    dataset_dir: Path = field(
        default=BACKEND_DIR / "dataset" / "processed",
        metadata=about(
            Location("folder"),
            unit="folder",
            help="Where the photos to train on are: one folder for each student, named by the student id.",
            reason="Next to the program, and kept out of version control.",
            shown="`dataset/processed`",
        ),
    )
    model_dir: Path = field(
        default=BACKEND_DIR / "models" / "Classifier",
        metadata=about(
            Location("folder"),
            unit="folder",
            help="Where training writes the model and recognition reads it.",
            reason="Next to the program, and kept out of version control.",
            shown="`models/Classifier`",
        ),
    )
    cache_dir: Path | None = field(
        default=None,
        metadata=about(
            Location("folder", optional=True),
            unit="folder",
            help="Where downloaded network weights and computed embeddings are kept.",
            reason="The user's cache folder outlives a new checkout, and can be emptied without losing anything.",
            shown="the user's cache folder",
        ),
    )
    facenet_weights: Path | None = field(
        default=None,
        metadata=about(
            Location("file", optional=True),
            unit="file",
            help="A FaceNet weights file (VGGFace2) to use instead of the official one.",
            reason="The official file is downloaded once, checked and kept in the cache folder.",
            shown="not set",
        ),
    )
    onnx_weights: Path | None = field(
        default=None,
        metadata=about(
            Location("file", optional=True),
            unit="file",
            help="A face network in an ONNX file, for the embedder `onnx`; a JSON beside it may describe its crops.",
            reason="No such file comes with the program; TRAINING_GUIDE.md says where there are some.",
            shown="not set",
        ),
    )
    embedder: str = field(
        default="auto",
        metadata=about(
            Choice(("auto", "facenet", "dlib", "both", "onnx")),
            unit="name",
            help="The network that turns a face into numbers.",
            reason="`auto` takes the network whose file is named, FaceNet's before the ONNX file; without either, "
            "FaceNet where its weights can be had, as it is more accurate than dlib's network, which is "
            "the last choice. With `auto`, training uses both together if that recognises more of its class, and "
            "the server follows the model.",
        ),
    )
    allow_download: bool = field(
        default=True,
        metadata=about(
            Flag(),
            unit="yes or no",
            help="Whether missing FaceNet weights may be downloaded.",
            reason="They are 112 MB and needed once; switch it off where the machine must not reach the internet.",
        ),
    )
    device: str = field(
        default="auto",
        metadata=about(
            Choice(("auto", "cpu", "cuda", "mps")),
            unit="name",
            help="What the networks run on.",
            reason="`auto` takes an NVIDIA GPU, then Apple's, then the processor.",
        ),
    )
    engine: str = field(
        default="auto",
        metadata=about(
            Choice(("auto", "torch", "openvino")),
            unit="name",
            help="What computes the networks; OpenVINO does it on the processor only, and an ONNX file always.",
            reason="`auto` takes what was the fastest at the first start here and answers as PyTorch does.",
        ),
    )
    engine_dir: Path | None = field(
        default=None,
        metadata=about(
            Location("folder", optional=True),
            unit="folder",
            help="Where the networks as they were converted for OpenVINO are kept, and how fast each engine was.",
            reason="Both are made once, in half a minute; several servers of one machine may share them.",
            shown="`networks` in the cache folder",
        ),
    )
    threads: int = field(
        default=0,
        metadata=about(
            Whole(0, 1024),
            unit="processor cores",
            help="How many cores the networks may use; 0 leaves the choice to the engine.",
            reason="An engine takes every core, which is best when nothing else runs on the machine.",
        ),
    )
    min_face_size: int = field(
        default=40,
        metadata=about(
            Whole(12, 2000),
            unit="pixels",
            help="The smallest face that is looked for: the shorter side of its box.",
            reason="Below 40 pixels people are hard to tell apart, and looking for 20 takes about twice the time.",
        ),
    )
    detector_thresholds: tuple[float, float, float] = field(
        default=(0.6, 0.7, 0.7),
        metadata=about(
            Probabilities(3),
            unit="probability",
            help="How sure each of the face detector's three networks must be to pass a face on.",
            reason="The values MTCNN was published with (Zhang et al. 2016).",
        ),
    )
    detector_min_probability: float = field(
        default=0.9,
        metadata=about(
            Decimal(0, 1, below=True),
            unit="probability",
            help="Faces the detector is less sure of in the end are dropped.",
            reason="Below 0.9 most boxes in crowded scenes are not faces.",
        ),
    )
    max_image_bytes: int = field(
        default=20_000_000,
        metadata=about(
            Whole(1_000, 1_000_000_000),
            unit="bytes",
            help="The largest picture file accepted.",
            reason="Above the JPEG of any phone.",
        ),
    )
    max_image_pixels: int = field(
        default=65_000_000,
        metadata=about(
            Whole(10_000, 1_000_000_000),
            unit="pixels",
            help="The largest picture accepted, width times height, checked before it is decoded.",
            reason="Holds the stills of nearly all phones, those of 64 megapixels too.",
        ),
    )
    max_faces_per_image: int = field(
        default=64,
        metadata=about(
            Whole(1, 1000),
            unit="faces",
            help="How many faces of one picture are recognised; the largest come first.",
            reason="More than a classroom holds in view; bounds the time and memory that one picture can take.",
        ),
    )
    model_signing_key: str | None = field(
        default=None,
        repr=False,
        metadata=about(
            Secret(32),
            unit="secret",
            help="Signs the models that training writes; with it set, only models signed with it are loaded.",
            reason="Only needed where others can write to the model folder; 32 characters are beyond guessing.",
            shown="not set",
        ),
    )
    model_poll_seconds: float = field(
        default=0.5,
        metadata=about(
            Decimal(0.05, 60),
            unit="seconds",
            help="How often a running program looks for a newly trained model.",
            reason="A look costs microseconds, and a new model is then in use well within two seconds.",
        ),
    )
