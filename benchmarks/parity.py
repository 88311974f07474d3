"""Whether the detector finds every face that facenet-pytorch's does, on photos of lfw-dev and frames of a clip.

    python benchmarks/parity.py [--photos 300] [--json FILE]

Of each face that facenet-pytorch is sure of by 0.9: the overlap with the nearest of ours, and how far the farthest
landmark lies from theirs, in parts of the face. Ends with exit status 1 when one is missed (an overlap below 0.85) or a
landmark lies farther than 2 %. Needs the test data.
"""

from __future__ import annotations

import argparse
import json
import random
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from lfw import ROOT, test_data
from recognizer.assembly import SAME_BOX, SAME_LANDMARKS, build_detector
from recognizer.compute import Compute
from recognizer.detector import DetectorConfig
from recognizer.engines.facenet_pytorch_import import MTCNN
from recognizer.images import read_image
from recognizer.types import BoundingBox, RGBImage

SURE = 0.9
# "Found" counts ours from a little less, so that a last digit does not decide.
OURS_SURE = 0.88


def photos(count: int) -> Iterator[RGBImage]:
    paths = sorted((test_data() / "faces" / "lfw-dev").rglob("*.jpg"))
    random.Random(0).shuffle(paths)
    yield from map(read_image, paths[:count])


def frames() -> Iterator[RGBImage]:
    crowd = read_image(test_data() / "frames" / "multiface.jpg")
    for size in ((1200, 630), (640, 336), (960, 504), (1280, 672)):
        yield cv2.resize(crowd, size, interpolation=cv2.INTER_AREA)  # type: ignore[misc]
    clip = cv2.VideoCapture(str(test_data() / "frames" / "video.mp4"))
    number = 0
    while True:
        there, picture = clip.read()
        if not there:
            return
        if number % 7 == 0:
            for size in ((1280, 720), (640, 360)):
                yield cv2.resize(picture[:, :, ::-1], size, interpolation=cv2.INTER_AREA)  # type: ignore[misc]
        number += 1


def compare(images: Iterator[RGBImage], ours: Any, theirs: Any) -> dict[str, Any]:
    overlaps, distances = [], []
    for image in images:
        found = ours.detect(image)
        boxes, probabilities, landmarks = theirs.detect(image, landmarks=True)
        for box, sure, points in zip(boxes, probabilities, landmarks, strict=True) if boxes is not None else ():
            if sure < SURE:
                continue
            face = BoundingBox(*map(float, box))
            nearest = max(found, key=lambda each: each.box.iou(face), default=None)
            overlaps.append(nearest.box.iou(face) if nearest else 0.0)
            if nearest and overlaps[-1] >= SAME_BOX:
                side = max(face.width, face.height)
                distances.append(float(np.abs(nearest.landmarks - points).max()) / side)
    return {
        "faces": len(overlaps),
        "missed": int(np.sum(np.array(overlaps) < SAME_BOX)),
        "least_overlap": round(min(overlaps), 3),
        "farthest_landmark": round(max(distances), 4),
    }


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--photos", type=int, default=300)
    parser.add_argument("--json", type=Path, metavar="FILE")
    arguments = parser.parse_args()
    compute = Compute(device="cpu", engine="openvino", folder=ROOT / ".cache" / "networks")
    ours = build_detector(DetectorConfig(min_probability=OURS_SURE), compute)
    theirs = MTCNN(keep_all=True, min_face_size=40, device="cpu")
    rows = {"photos": compare(photos(arguments.photos), ours, theirs), "frames": compare(frames(), ours, theirs)}
    for name, row in rows.items():
        print(f"{name}: {row}")
    if arguments.json:
        arguments.json.write_text(json.dumps(rows, indent=2) + "\n", encoding="utf-8")
    return int(any(row["missed"] or row["farthest_landmark"] > SAME_LANDMARKS for row in rows.values()))


if __name__ == "__main__":
    sys.exit(main())
