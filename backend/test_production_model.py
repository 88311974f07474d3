"""Try the trained model: on pictures, on the photos of its students, on photos of strangers.

python test_production_model.py --image class.jpg --save marked.jpg
python test_production_model.py --test-all --unknown ../strangers --json result.json
"""

from __future__ import annotations

import argparse
import json
import logging
import math
import sys
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from config import Settings
from errors import ConfigurationError, InvalidImageError, ModelNotFoundError, SmartAttendanceError
from recognizer.compute import compute_of
from recognizer.detector import DetectorConfig
from recognizer.drawing import annotate, check_savable, save_picture
from recognizer.durable_files import write_atomically
from recognizer.images import ImageLimits, read_picture
from recognizer.pipeline import FaceRecognizer
from recognizer.weights import EMBEDDERS, WeightsFile, default_cache_dir, resolve_weights
from training.dataset import scan
from training.opened_model import OpenedModel, open_model
from training.progress import ProgressBar
from training.strangers import scan_strangers
from training.testing import PictureTest, measure_strangers, measure_students
from training.testing_json import as_json
from training.testing_text import det_lines, model_lines, picture_lines, strangers_lines, students_lines

DEFAULT_MIN_ACCURACY = 0.90
FINE, BELOW_ACCURACY, UNUSABLE, INTERRUPTED = 0, 1, 2, 130

EPILOG = f"""
exit status: {FINE} fine; {BELOW_ACCURACY} fewer students named rightly than --min-accuracy; {UNUSABLE} wrong usage,
no model, or a picture or folder that cannot be used; {INTERRUPTED} interrupted.

--min-accuracy looks at the share of photos that are given the right name (TPIR), not at rank-1, the share
for which the right student ranks first: a face that ranks first and is turned away as unknown is not marked
present.
"""


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command with ``argv`` (default: the process's) and return its exit status."""
    try:
        arguments = _parser().parse_args(argv)
    except SystemExit as request:  # argparse has said why
        return int(request.code or 0)
    logging.basicConfig(level=logging.WARNING, stream=sys.stderr, format="%(levelname)s: %(message)s")
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="replace")  # a console without a name's letters must not stop the test
    try:
        return _Command(arguments, Settings.from_env()).run()
    except ModelNotFoundError as error:
        return _failed(f"{error}. A model elsewhere is named with --model")
    except SmartAttendanceError as error:
        return _failed(str(error))
    except KeyboardInterrupt:
        print("Interrupted; nothing was changed.", file=sys.stderr)
        return INTERRUPTED


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="test_production_model.py",
        description="Try the trained model on pictures, on the photos of its students, or on photos of strangers.\n"
        "--image, --test-all and --unknown may be combined; at least one is needed.",
        epilog=EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument(
        "--image",
        type=Path,
        action="append",
        default=[],
        metavar="FILE",
        help="recognise everybody in this picture; may be given several times",
    )
    parser.add_argument(
        "--save",
        type=Path,
        metavar="OUT.jpg",
        help="write the picture with boxes and names; with several pictures OUT-1.jpg, OUT-2.jpg and so on",
    )
    parser.add_argument("--test-all", action="store_true", help="recognise every photo of the students")
    parser.add_argument("--dataset", type=Path, metavar="DIR", help="the students' photos (default: as for training)")
    parser.add_argument(
        "--unknown",
        type=Path,
        metavar="DIR",
        help="photos of people who are no students, in one folder or in many: how many of them are named",
    )
    parser.add_argument(
        "--model", type=Path, metavar="DIR", help="folder of the model (default: where training puts it)"
    )
    parser.add_argument(
        "--embedder",
        choices=("auto", *EMBEDDERS),
        default="auto",
        help="the network to use; auto, the default, is the one that the model was trained with",
    )
    parser.add_argument(
        "--weights", type=Path, metavar="FILE", help="FaceNet's weights, or the ONNX network, if not in the usual place"
    )
    parser.add_argument(
        "--no-cache", action="store_true", help="embed every photo anew, and keep no embeddings on this machine"
    )
    parser.add_argument(
        "--json",
        metavar="FILE",
        help="write the results as JSON as well; - for standard output, the text then on stderr",
    )
    parser.add_argument(
        "--min-accuracy",
        type=_share,
        default=DEFAULT_MIN_ACCURACY,
        metavar="SHARE",
        help="with --test-all: exit status 1 when fewer photos are named rightly, 0 to 1 (default: %(default).2f)",
    )
    return parser


def _share(text: str) -> float:
    try:
        value = float(text)
    except ValueError:
        value = math.nan
    if not 0 <= value <= 1:
        raise argparse.ArgumentTypeError(f"{text!r} is not a number from 0 to 1; 0.90 is 90 percent")
    return value


class _Command:
    """One run: check what can be checked at once, open the model, do what was asked, print, and write the JSON."""

    def __init__(self, arguments: argparse.Namespace, settings: Settings) -> None:
        self._arguments, self._settings = arguments, settings
        self._out = sys.stderr if arguments.json == "-" else sys.stdout
        self._limits = ImageLimits(settings.max_image_bytes, settings.max_image_pixels)
        self._cache_dir = settings.cache_dir or default_cache_dir()
        self._plain = not _can_print("✓✕", self._out)

    def run(self) -> int:

        asked = self._arguments
        self._check_usage()
        # Folders are looked through before the networks are loaded or fetched.
        dataset = scan(asked.dataset or self._settings.dataset_dir, self._limits) if asked.test_all else None
        unknown = scan_strangers(asked.unknown, self._limits) if asked.unknown else None
        model = self._open_model()
        self._print(model_lines(model.info, model.artifact.threshold))
        cache = None if asked.no_cache or not (dataset or unknown) else model.cache_in(self._cache_dir)

        pictures = self._pictures(model) if asked.image else []
        students = strangers = None
        if dataset:
            with ProgressBar("Embedding the photos") as progress:
                students = measure_students(model, dataset, cache, progress)
            self._print(students_lines(students, model.info.metrics))
        if unknown:
            with ProgressBar("Embedding the strangers") as progress:
                strangers = measure_strangers(model, unknown, cache, progress)
            self._print(strangers_lines(strangers))
        if students and strangers:
            self._print(det_lines(students, strangers))
        if asked.json:
            self._write_json(as_json(model, students, strangers, pictures))
        return self._status(students.tpir.value if students else None, pictures)

    def _check_usage(self) -> None:
        """Raise ConfigurationError for what no run can do, before anything takes time."""

        asked = self._arguments
        if not (asked.image or asked.test_all or asked.unknown):
            raise ConfigurationError(
                "nothing to test: give --image FILE, --test-all or --unknown DIR (--help says more)"
            )
        if asked.save and not asked.image:
            raise ConfigurationError("--save needs --image: it writes that picture with boxes and names")
        if asked.dataset and not asked.test_all:
            raise ConfigurationError("--dataset needs --test-all")
        for target in filter(None, map(self._save_path, range(len(asked.image)))):
            check_savable(target)
            if target.resolve() in {path.resolve() for path in asked.image}:
                raise ConfigurationError(f"--save would overwrite the picture {target} itself; name another file")
        if asked.json and asked.json != "-":
            target = Path(asked.json)
            if not target.absolute().parent.is_dir() or target.is_dir():
                raise ConfigurationError(f"--json cannot write {target}: name a file in a folder that exists")

    def _open_model(self) -> OpenedModel:

        settings = self._settings
        key = settings.model_signing_key
        return open_model(
            self._arguments.model or settings.model_dir,
            find_weights=self._find_weights,
            embedder=self._arguments.embedder,
            detector_config=DetectorConfig(
                min_face_size=settings.min_face_size,
                thresholds=settings.detector_thresholds,
                min_probability=settings.detector_min_probability,
            ),
            limits=self._limits,
            compute=compute_of(settings),
            signing_key=None if key is None else key.encode(),
        )

    def _find_weights(self, embedder_id: str) -> WeightsFile:

        given, settings = self._arguments.weights, self._settings
        if given and embedder_id == "dlib":
            print("--weights names another network's file and is not used: the model needs dlib.", file=sys.stderr)
        with ProgressBar("FaceNet weights", unit="B") as progress:
            return resolve_weights(
                embedder_id,
                facenet_file=(given if embedder_id in ("facenet", "both") else None) or settings.facenet_weights,
                onnx_file=(given if embedder_id == "onnx" else None) or settings.onnx_weights,
                cache_dir=self._cache_dir,
                allow_download=settings.allow_download,
                progress=progress,
                announce=lambda line: print(line, file=sys.stderr),
            )

    def _pictures(self, model: OpenedModel) -> list[PictureTest]:
        recognizer = model.recognizer(self._settings.max_faces_per_image)
        return [self._picture(recognizer, path, self._save_path(n)) for n, path in enumerate(self._arguments.image)]

    def _picture(self, recognizer: FaceRecognizer, path: Path, target: Path | None) -> PictureTest:
        try:
            picture = read_picture(path, self._limits)
        except InvalidImageError as error:
            print(f"{path} is not used: {error}", file=sys.stderr)
            return PictureTest(path, None, str(error))
        result = recognizer.recognize(picture.pixels)
        self._print(picture_lines(path, result, plain=self._plain))
        if target:
            save_picture(target, annotate(picture.pixels, result.faces))
            self._print([f"  saved as {target}"])
        return PictureTest(path, result.in_picture_of(picture.size))

    def _save_path(self, number: int) -> Path | None:
        save: Path | None = self._arguments.save
        if save is None or len(self._arguments.image) == 1:
            return save
        return save.with_name(f"{save.stem}-{number + 1}{save.suffix}")

    def _status(self, tpir: float | None, pictures: Sequence[PictureTest]) -> int:
        if any(picture.result is None for picture in pictures):
            return UNUSABLE
        if tpir is not None and tpir < self._arguments.min_accuracy:
            wanted = self._arguments.min_accuracy
            print(
                f"Below --min-accuracy: {100 * tpir:.2f} % named rightly, {100 * wanted:g} % wanted.", file=sys.stderr
            )
            return BELOW_ACCURACY
        return FINE

    def _print(self, lines: Iterable[str]) -> None:
        for line in lines:
            print(line, file=self._out)

    def _write_json(self, content: dict[str, Any]) -> None:

        if self._arguments.json == "-":
            print(json.dumps(content, indent=2, allow_nan=False))  # in ASCII: who reads it need not know the encoding
            return
        text = json.dumps(content, indent=2, ensure_ascii=False, allow_nan=False) + "\n"
        try:
            write_atomically(Path(self._arguments.json), text.encode("utf-8", "replace"))
        except OSError as error:
            raise ConfigurationError(
                f"--json could not write {self._arguments.json}: {error.strerror or error}"
            ) from error


def _can_print(text: str, stream: Any) -> bool:
    try:
        text.encode(getattr(stream, "encoding", None) or "ascii")
    except (UnicodeEncodeError, LookupError):
        return False
    return True


def _failed(message: str) -> int:
    print(f"error: {message}", file=sys.stderr)
    return UNUSABLE


if __name__ == "__main__":
    sys.exit(main())
