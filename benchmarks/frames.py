"""A frame, from pixels to names: ours beside facenet-pytorch's plain pipeline, in turns, in one run.

    python benchmarks/frames.py [--rounds 15] [--json FILE]

Theirs: MTCNN(keep_all=True, min_face_size=40, margin=32) and InceptionResnetV1, as its README combines them; the
embeddings go to the same classifier as ours, so that the decisions can be compared. Ours: detection, embedding and
decision as the server computes them, with the engine that was chosen for this machine; then the same as a live session
sees it, in which people who were recognised are followed. With face_recognition (dlib) installed, that too.

The frames are put together of photos of lfw-dev that were not trained on, of thirty people whom the model knows: of
each the first that it names, when the photo is alone in a frame. In each round each pipeline sees the frame twice in a
row and the second time counts, so that none pays for the caches that another has filled. A median and the 95th
percentile of the rounds after some that warm up; the ratio is of the medians, for the live session of the means, as it
searches the whole frame twice a second only: at ten frames a second, that is one of five. Needs the test data, as
FaceNet's weights are there.
"""

from __future__ import annotations

import argparse
import json
import statistics
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import torch

from lfw import ROOT, build, load_model_of, test_data
from recognizer.assembly import build_detector
from recognizer.classifier import FaceClassifier
from recognizer.compute import Compute
from recognizer.detector import DetectorConfig
from recognizer.embeddings import FaceEmbedder, l2_normalise
from recognizer.engines.facenet_pytorch_import import MTCNN, InceptionResnetV1
from recognizer.pipeline import FaceRecognizer
from recognizer.tracking import Tracker
from recognizer.types import BoundingBox, FloatArray, RGBImage
from scenes import frame, people

SIZES = ((640, 480), (1280, 720))
FACES = (1, 6, 30)
WARM_UP = 5  # a size of frame that comes often is compiled for
NETWORKS = ROOT / ".cache" / "networks"


class FixedModel:
    def __init__(self, classifier: FaceClassifier) -> None:
        self._classifier = classifier

    def snapshot(self) -> tuple[FaceClassifier, str, int]:
        return self._classifier, "benchmark", 0


class Plain:
    """facenet-pytorch as its README combines the two, for the processor."""

    def __init__(self, classifier: FaceClassifier) -> None:
        self._mtcnn = MTCNN(keep_all=True, min_face_size=40, margin=32, image_size=160, device="cpu")
        self._resnet = InceptionResnetV1(pretrained=None, classify=False).eval()
        weights = test_data() / "weights" / "facenet-vggface2-folded.pt"
        self._resnet.load_state_dict(torch.load(weights, weights_only=True), strict=False)
        self._classifier = classifier
        self.spent: dict[str, float] = {}

    def __call__(self, image: RGBImage) -> list[tuple[BoundingBox, str | None]]:
        begun = time.perf_counter()
        boxes, probabilities = self._mtcnn.detect(image)
        self.spent["detect"] = time.perf_counter() - begun
        if boxes is None:
            return []
        begun = time.perf_counter()
        crops = self._mtcnn.extract(image, boxes, None)
        with torch.inference_mode():
            embeddings = self._resnet(crops).numpy()
        self.spent["embed"] = time.perf_counter() - begun
        answers = self._classifier.identify(l2_normalise(np.asarray(embeddings, np.float32)))
        found = zip(boxes, probabilities, answers, strict=True)
        return [(BoundingBox(*map(float, box)), each.student_id) for box, sure, each in found if sure >= 0.9]


def face_recognition_pipeline() -> Callable[[RGBImage], Any] | None:
    try:
        import face_recognition  # type: ignore[import-not-found]
    except ImportError:
        return None
    return lambda image: face_recognition.face_encodings(image, face_recognition.face_locations(image))


def timed(function: Callable[[], Any]) -> tuple[float, Any]:
    begun = time.perf_counter()
    result = function()
    return 1000 * (time.perf_counter() - begun), result


def summary(milliseconds: list[float]) -> dict[str, float]:
    return {
        "median": round(statistics.median(milliseconds), 1),
        "p95": round(float(np.percentile(milliseconds, 95)), 1),
        "mean": round(statistics.mean(milliseconds), 1),
    }


def agreement(ours: Any, theirs: list[tuple[BoundingBox, str | None]]) -> tuple[int, int]:
    """How many of their faces we name alike, and how many there are."""
    same = 0
    for box, name in theirs:
        near = max(ours.faces, key=lambda face: face.face.box.iou(box), default=None)
        same += near is not None and near.face.box.iou(box) > 0.5 and near.identity.student_id == name
    return same, len(theirs)


def compare(
    recognizer: FaceRecognizer, plain: Plain, still: list[RGBImage], size: tuple[int, int], rounds: int
) -> dict[str, Any]:
    other = face_recognition_pipeline()
    tracker, moment = Tracker(needed=2), 0.0
    times: dict[str, list[float]] = {"ours": [], "ours live": [], "theirs": []}
    stages: dict[str, list[float]] = {}
    same = everybody = found = followed = live_faces = 0
    for number in range(rounds + WARM_UP):
        image = frame(still, *size, shift=(number % 5, number % 3))
        moment += 0.1
        recognizer.recognize(image)
        ours_ms, ours = timed(lambda: recognizer.recognize(image))  # noqa: B023
        live_ms, live = timed(lambda: recognizer.recognize(image, tracker=tracker, captured_at=moment))  # noqa: B023
        plain(image)
        theirs_ms, theirs = timed(lambda: plain(image))  # noqa: B023
        if number < WARM_UP:
            continue
        for name, taken in (("ours", ours_ms), ("ours live", live_ms), ("theirs", theirs_ms)):
            times[name].append(taken)
        for name, taken in ours.milliseconds.items():
            stages.setdefault(f"ours {name}", []).append(taken)
        for name, taken in plain.spent.items():
            stages.setdefault(f"theirs {name}", []).append(1000 * taken)
        if other is not None and number < WARM_UP + 3:
            times.setdefault("face_recognition", []).append(timed(lambda: other(image))[0])  # noqa: B023
        agreed, of = agreement(ours, theirs)
        same, everybody, found = same + agreed, everybody + of, found + len(ours.faces)
        followed, live_faces = followed + live.followed_faces, live_faces + len(live.faces)
    medians = {name: statistics.median(values) for name, values in times.items()}
    return {
        "size": list(size),
        "faces": len(still),
        "found": round(found / rounds, 1),
        "milliseconds": {name: summary(values) for name, values in times.items()},
        "stages": {name: round(statistics.median(values), 1) for name, values in stages.items()},
        "ratio": round(medians["theirs"] / medians["ours"], 2),
        "ratio_live": round(statistics.mean(times["theirs"]) / statistics.mean(times["ours live"]), 2),
        "followed": round(followed / max(1, live_faces), 3),
        "same_names": [same, everybody],
    }


def bulk(embedder: FaceEmbedder, reference: FaceEmbedder, rounds: int) -> dict[str, Any]:
    """Embedding of crops as training does it, in batches: ours and torch's, crops a second."""
    crops = np.random.default_rng(0).integers(0, 256, (64, 160, 160, 3), dtype=np.uint8)
    taken: dict[str, list[float]] = {"ours": [], "torch": []}
    cosine = 1.0
    for number in range(max(3, rounds // 4) + 1):
        ours_ms, ours = timed(lambda: embedder.embed_crops(crops))
        theirs_ms, theirs = timed(lambda: reference.embed_crops(crops))
        cosine = min(cosine, float((ours * theirs).sum(axis=1).min()))
        if number:
            taken["ours"].append(ours_ms)
            taken["torch"].append(theirs_ms)
    rates = {name: 1000 * len(crops) / statistics.median(values) for name, values in taken.items()}
    return {
        "crops_per_second": {name: round(rate, 1) for name, rate in rates.items()},
        "ratio": round(rates["ours"] / rates["torch"], 2),
        "least_cosine": round(cosine, 5),
    }


def trained(embedder: FaceEmbedder, detector: Any) -> FaceClassifier:
    """A model of sixty people, ten photos each."""
    vectors: list[FloatArray] = []
    names: list[str] = []
    for person in people(2 * max(FACES)):
        for photo in person.trained:
            faces = detector.detect(photo)
            if faces:
                vectors.append(embedder.embed(photo, faces[:1]))
                names.append(person.name)
    return load_model_of(np.concatenate(vectors), np.array(names))


def known_photos(recognizer: FaceRecognizer) -> list[RGBImage]:
    """Of each person a photo that the model was not trained on and names."""
    found = []
    for person in people(2 * max(FACES)):
        for photo in person.unseen:
            faces = recognizer.recognize(frame([photo], *SIZES[0])).faces
            if faces and faces[0].identity.student_id == person.name:
                found.append(photo)
                break
    return found[: max(FACES)]


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=15)
    parser.add_argument("--json", type=Path, metavar="FILE")
    arguments = parser.parse_args()
    compute = Compute(device="cpu", folder=NETWORKS)
    embedder = build("facenet", compute)
    detector = build_detector(DetectorConfig(), compute)
    for what, choice in (("faces are found", detector.choice), ("faces are embedded", embedder.choice)):
        print(f"{what} by {choice.in_words() if choice else 'torch'}")
    classifier = trained(embedder, detector)
    recognizer = FaceRecognizer(detector, embedder, FixedModel(classifier))
    plain = Plain(classifier)
    print(f"{'frame':>9} {'faces':>5} {'theirs':>14} {'ours':>14} {'ratio':>6} {'live':>8} {'ratio':>6} alike")
    rows = []
    photos = known_photos(recognizer)
    for size in SIZES:
        for count in FACES:
            row = compare(recognizer, plain, photos[:count], size, arguments.rounds)
            rows.append(row)
            times = row["milliseconds"]
            shown = {name: f"{ms['median']:.1f} ({ms['p95']:.1f})" for name, ms in times.items()}
            alike = "/".join(map(str, row["same_names"]))
            print(
                f"{size[0]}x{size[1]:<4} {count:>5} {shown['theirs']:>14} {shown['ours']:>14} {row['ratio']:>6} "
                f"{times['ours live']['mean']:>8} {row['ratio_live']:>6} {alike}  {row['stages']}",
                flush=True,
            )
    many = bulk(embedder, build("facenet", Compute(device="cpu", engine="torch")), arguments.rounds)
    print(f"bulk embedding: {many}")
    if arguments.json:
        arguments.json.write_text(json.dumps({"frames": rows, "bulk": many}, indent=2) + "\n", encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
