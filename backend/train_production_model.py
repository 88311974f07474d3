"""Train the model on the students' photos, measure it, and put it in use.

python train_production_model.py
python train_production_model.py --classifier logistic --threshold-percentile 98 --unknown ../strangers
python train_production_model.py --activate previous
python train_production_model.py --engine ray --address head.example.org:6379

Where a server's database is configured it takes --only FILE, or --without-database: only the server asks for consents.
"""

from __future__ import annotations

import argparse
import json
import logging
import sys
from collections.abc import Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, replace
from pathlib import Path

from config import Settings
from errors import ConfigurationError, SmartAttendanceError
from interrupts import ended_by_signals
from recognizer.compute import Compute, compute_of
from recognizer.detector import DetectorConfig
from recognizer.durable_files import write_atomically
from recognizer.images import ImageLimits
from recognizer.weights import EMBEDDERS, WeightsFile, default_cache_dir, resolve_weights, with_dlib
from training.network_measurement import measure_network
from training.production import EmbedElsewhere, TrainingJob, TrainingResult, run_training
from training.progress import ProgressFile, Shown
from training.stored_models import PREVIOUS, go_back, model_lines
from training.trainer import TrainingConfig
from training.training_log import INTERRUPTED_TEXT, TrainingLog

FINE, UNUSABLE, INTERRUPTED = 0, 2, 130

EPILOG = f"""
The threshold is the stricter of two limits. --threshold-percentile P accepts P percent of the students' held-out
photos: too many students Unknown - raise it to 98; strangers named - lower it to 90. --max-fpir F lets at most a
share F of strangers be named. The summary says which of the two bound.

A model that is worse than the one before it: --list-models shows what there is, --activate previous goes back by one.

exit status: {FINE} trained and in use; {UNUSABLE} wrong usage, or nothing that can be trained on; {INTERRUPTED}
interrupted. Whenever it is not {FINE} the model that was in use before is still in use.
"""


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command with ``argv`` (default: the process's) and return its exit status."""
    try:
        arguments = _parser().parse_args(argv)
    except SystemExit as request:  # argparse has said why
        return int(request.code or 0)
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="replace")  # a console without a name's letters must not stop the training
    try:
        if arguments.list_models or arguments.activate is not None:
            return _stored(arguments, Settings.from_env())
        if arguments.measure_network is not None:
            with ended_by_signals():
                return _measure(arguments, Settings.from_env())
        with ended_by_signals(), ProgressFile(arguments.progress) if arguments.progress else nullcontext() as file:
            return _reported(arguments, file)
    except KeyboardInterrupt:  # before there was anything to report
        return INTERRUPTED
    except SmartAttendanceError as error:
        print(f"error: {error}", file=sys.stderr)
        return UNUSABLE


def _reported(arguments: argparse.Namespace, file: ProgressFile | None) -> int:
    """Run the training; how it ended is said at the terminal and in the progress file."""
    try:
        version = _run(arguments, Settings.from_env(), file)
        status, stage, message = FINE, "done", version
    except SmartAttendanceError as error:
        print(f"error: {error}", file=sys.stderr)
        status, stage, message = UNUSABLE, "failed", str(error)
    except KeyboardInterrupt:
        print(INTERRUPTED_TEXT, file=sys.stderr)
        status, stage, message = INTERRUPTED, "interrupted", INTERRUPTED_TEXT
    if file is not None:
        file.end(stage, message)
    return status


def _parser() -> argparse.ArgumentParser:
    defaults = TrainingConfig()
    parser = argparse.ArgumentParser(
        prog="train_production_model.py",
        description="Train the model on the students' photos, measure it on photos held back, and put it in use. "
        "A running server takes the new model up by itself.",
        epilog=EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument(
        "--classifier",
        choices=("svm", "logistic"),
        default=defaults.classifier,
        help="what ranks the students (default: %(default)s)",
    )
    parser.add_argument(
        "--threshold-percentile",
        type=float,
        default=defaults.threshold_percentile,
        metavar="P",
        help="percent of the students' held-out photos to accept, 50 to 100; at 100 the students "
        "set no limit (default: %(default)g)",
    )
    parser.add_argument(
        "--max-fpir",
        type=float,
        default=defaults.max_fpir,
        metavar="F",
        help="highest share of strangers given a name, between 0 and 1 (default: %(default)g)",
    )
    parser.add_argument(
        "--dataset",
        type=Path,
        metavar="DIR",
        help="folder with one folder of photos for each student (default: SMARTATTENDANCE_DATASET_DIR)",
    )
    parser.add_argument(
        "--unknown",
        type=Path,
        metavar="DIR",
        help="photos of people who are no students, in one folder or in many: makes the limit on strangers surer",
    )
    parser.add_argument(
        "--output", type=Path, metavar="DIR", help="where the model goes (default: SMARTATTENDANCE_MODEL_DIR)"
    )
    parser.add_argument(
        "--embedder",
        choices=("auto", *EMBEDDERS),
        help="the network that turns a face into numbers; both: FaceNet and dlib's together "
        "(default: SMARTATTENDANCE_EMBEDDER)",
    )
    parser.add_argument(
        "--weights",
        type=Path,
        metavar="FILE",
        help="FaceNet's weights, if not in the usual place (default: SMARTATTENDANCE_FACENET_WEIGHTS), or the network "
        "of the embedder onnx, FILE.onnx (default: SMARTATTENDANCE_ONNX_WEIGHTS)",
    )
    parser.add_argument("--seed", type=int, default=defaults.seed, help="decides the split (default: %(default)d)")
    parser.add_argument(
        "--min-images",
        type=int,
        default=defaults.min_images,
        metavar="N",
        help="students with fewer usable photos are left out (default: %(default)d)",
    )
    parser.add_argument(
        "--no-cache", action="store_true", help="embed every photo anew, and keep no embeddings outside the model"
    )
    parser.add_argument(
        "--engine",
        choices=("local", "ray"),
        default="local",
        help="what embeds the photos: this machine, or those of a Ray cluster, which have photos and weights at the "
        "same place (default: %(default)s)",
    )
    parser.add_argument(
        "--address",
        metavar="HOST:PORT",
        help="the cluster of --engine ray, as its head prints it (default: SMARTATTENDANCE_RAY_ADDRESS)",
    )
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the measurements as JSON as well")
    parser.add_argument(
        "--only",
        type=Path,
        metavar="FILE",
        help="train on the students whose ids this file lists, one a line (UTF-8), and leave the others out",
    )
    parser.add_argument(
        "--without-database",
        action="store_true",
        help="train on every folder of photos though a server's database knows who consented: this command does not "
        "ask it",
    )
    parser.add_argument(
        "--progress",
        type=Path,
        metavar="FILE",
        help="write how far it is as JSON lines (stage, done, total, message), for a program that reads along",
    )
    instead = parser.add_argument_group("instead of training").add_mutually_exclusive_group()
    instead.add_argument(
        "--list-models", action="store_true", help="show the models that were trained before, and which is in use"
    )
    instead.add_argument(
        "--activate",
        metavar="VERSION",
        help=f"put that model in use again; {PREVIOUS}: the one that was trained before the one in use",
    )
    instead.add_argument(
        "--measure-network",
        type=Path,
        metavar="DIR",
        help="measure how strangers score with the network of --embedder onnx, on DIR with one folder of photos for "
        "each person, and keep the table beside its weights",
    )
    return parser


def _stored(arguments: argparse.Namespace, settings: Settings) -> int:
    """Show the models that are kept, or go back to one."""
    model_dir = arguments.output or settings.model_dir
    if arguments.activate is not None:
        version = go_back(
            model_dir,
            arguments.activate,
            embedder=arguments.embedder or settings.embedder,
            signing_key=settings.model_signing_key.encode() if settings.model_signing_key else None,
        )
        print(f"Model {version} is in use: {model_dir / 'face_classifier_v1.pkl'}")
        return FINE
    for line in model_lines(model_dir):
        print(line)
    return FINE


def _run(arguments: argparse.Namespace, settings: Settings, file: ProgressFile | None) -> str:
    """Train as the arguments say; the version of the new model."""
    if settings.has_database and arguments.only is None and not arguments.without_database:
        raise ConfigurationError(
            "a server's database is configured here. It knows which students consented; this command does not ask it, "
            "and would train on everybody who has a folder. Start the training on the page, list the students with "
            "--only FILE, or train on all folders with --without-database"
        )
    config = TrainingConfig(
        classifier=arguments.classifier,
        threshold_percentile=arguments.threshold_percentile,
        max_fpir=arguments.max_fpir,
        min_images=arguments.min_images,
        seed=arguments.seed,
    )
    if arguments.json and not arguments.json.absolute().parent.is_dir():
        raise ConfigurationError(f"--json cannot write {arguments.json}: name a file in a folder that exists")
    if arguments.address is not None and arguments.engine != "ray":
        raise ConfigurationError("--address names the cluster of --engine ray; add that, or leave --address out")
    output, shown = arguments.output or settings.model_dir, Shown(file)
    job = replace(
        _job(arguments, settings, config, shown),
        strangers_dir=arguments.unknown,
        only=_listed(arguments.only) if arguments.only else None,
    )
    with TrainingLog(output), _elsewhere(arguments, settings, job.compute) as elsewhere:
        result = run_training(replace(job, elsewhere=elsewhere), shown, _say, shown.begin)
    print()
    print(result.summary)
    print(f"Model {result.stored.version} is in use: {output / 'face_classifier_v1.pkl'}")
    if arguments.json:
        _write_json(arguments.json, result)
    return result.stored.version


def _measure(arguments: argparse.Namespace, settings: Settings) -> int:
    """Measure the stranger table of an ONNX network."""
    shown = Shown(None)
    job = _job(arguments, settings, TrainingConfig(seed=arguments.seed), shown)
    table = measure_network(replace(job, dataset_dir=arguments.measure_network), shown, _say)
    print(f"The stranger table is in {table}; trainings with this network use it from now on.")
    return FINE


def _job(arguments: argparse.Namespace, settings: Settings, config: TrainingConfig, shown: Shown) -> TrainingJob:
    return TrainingJob(
        dataset_dir=arguments.dataset or settings.dataset_dir,
        output_dir=arguments.output or settings.model_dir,
        config=config,
        find_weights=_Weights(arguments, settings, shown),
        compare=(arguments.embedder or settings.embedder) == "auto",
        cache_dir=None if arguments.no_cache else settings.cache_dir or default_cache_dir(),
        detector=DetectorConfig(
            min_face_size=settings.min_face_size,
            thresholds=settings.detector_thresholds,
            min_probability=settings.detector_min_probability,
        ),
        limits=ImageLimits(settings.max_image_bytes, settings.max_image_pixels),
        compute=compute_of(settings),
        signing_key=settings.model_signing_key.encode() if settings.model_signing_key else None,
    )


def _elsewhere(
    arguments: argparse.Namespace, settings: Settings, compute: Compute
) -> AbstractContextManager[EmbedElsewhere | None]:
    """What embeds the photos on other machines, if that was asked for."""
    if arguments.engine != "ray":
        return nullcontext()
    # only who asks for a cluster needs what it takes
    from cluster.embedding import embedding_on_ray

    return embedding_on_ray(arguments.address or settings.ray_address, compute.folder)


def _listed(path: Path) -> frozenset[str]:
    """The ids in ``path``, one a line."""
    try:
        lines = path.read_text(encoding="utf-8-sig").splitlines()
    except OSError as error:
        raise ConfigurationError(f"--only cannot read {path}: {error.strerror or error}") from error
    except UnicodeDecodeError as error:
        raise ConfigurationError(f"--only cannot read {path}: it is not UTF-8; save it as UTF-8") from error
    listed = frozenset(line.strip() for line in lines) - {""}
    if not listed:
        raise ConfigurationError(f"--only names {path}, which lists nobody; write a student id in each line")
    return listed


@dataclass(frozen=True)
class _Weights:
    arguments: argparse.Namespace
    settings: Settings
    show: Shown

    def __call__(self) -> WeightsFile:
        embedder, given = self.arguments.embedder or self.settings.embedder, self.arguments.weights
        if given and embedder == "auto" and given.suffix.lower() == ".onnx":
            embedder = "onnx"
        if given and embedder == "dlib":
            _say("--weights names another network's file and is not used: the embedder is dlib.")
        is_onnx = embedder == "onnx"
        with self.show("FaceNet weights", unit="B") as progress:
            found = resolve_weights(
                embedder,
                facenet_file=(None if is_onnx else given) or self.settings.facenet_weights,
                onnx_file=(given if is_onnx else None) or self.settings.onnx_weights,
                cache_dir=self.settings.cache_dir or default_cache_dir(),
                allow_download=self.settings.allow_download,
                progress=progress,
                announce=_say,
            )
        return with_dlib(found) if embedder == "auto" and found.embedder_id == "facenet" else found


def _say(line: str) -> None:
    print(line, flush=True)
    logging.getLogger(__name__).info("%s", line)


def _write_json(path: Path, result: TrainingResult) -> None:
    origin = result.outcome.artifact.metadata["profile_origin"]
    content = {
        **result.outcome.report.as_dict(),
        "model_version": result.stored.version,
        "embedder": result.outcome.artifact.metadata["embedder"]["id"],
        "strangers_limit": "estimated" if origin.get("estimated") else "measured",
        "threshold": result.outcome.thresholds.accept,
        "delivered_thresholds": result.outcome.thresholds.as_dict(),
        "photos": result.photos,
        "cached": result.cached,
        "seconds": {stage: round(value, 3) for stage, value in result.seconds.items()},
    }
    text = json.dumps(content, indent=2, sort_keys=True, ensure_ascii=False, allow_nan=False) + "\n"
    try:
        write_atomically(path, text.encode("utf-8", "replace"))
    except OSError as error:
        raise ConfigurationError(f"--json could not write {path}: {error.strerror or error}") from error


if __name__ == "__main__":
    sys.exit(main())
