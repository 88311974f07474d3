"""The outcome of a test as plain values, for JSON."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from typing import Any

from training.evaluation import Rate, StudentResult
from training.opened_model import OpenedModel
from training.testing import Misnaming, PictureTest, StrangersTest, StudentsTest, certainty, det_points

STAGES = ("detect", "embed", "classify", "total")


def as_json(
    model: OpenedModel,
    students: StudentsTest | None,
    strangers: StrangersTest | None,
    pictures: Sequence[PictureTest],
) -> dict[str, Any]:
    """Plain values only, None for what was not measured; rates are shares 0..1, times milliseconds."""
    rates: dict[str, Rate | None] = {
        "rank1": students.rank1 if students else None,
        "tpir": students.tpir if students else None,
        "fpir": strangers.fpir if strangers else None,
        "not_sure": students.review if students else None,
        "unknown": students.unknown if students else None,
        "misnamed": students.misnamed if students else None,
        "strangers_not_sure": strangers.review if strangers else None,
    }
    embedder = model.info.embedder
    return {
        "model_version": model.info.model_version,
        "embedder": None if embedder is None else embedder.id,
        "threshold": model.artifact.threshold,
        "review_threshold": model.artifact.review_threshold,
        **{name: None if rate is None else rate.value for name, rate in rates.items()},
        "intervals": {name: None if rate is None else _interval(rate) for name, rate in rates.items()},
        "det": det_points(students, strangers),
        "known_images": None if students is None else students.tpir.total,
        "unknown_images": None if strangers is None else strangers.fpir.total,
        "trained_on_these_photos": None if students is None else students.trained_on,
        "students": [] if students is None else [_student(row) for row in students.students],
        "misnamed_photos": _misnamings(students.misnamings if students else ()),
        "not_in_model": None
        if students is None
        else {
            "students": list(students.strangers),
            "images": students.stranger_photos,
            "named": _misnamings(students.strangers_named),
        },
        "strangers_named": _misnamings(strangers.named if strangers else ()),
        "strangers_without_face": [str(path) for path in strangers.no_face] if strangers else [],
        "issues": [
            {
                "kind": issue.kind.value,
                "path": None if issue.path is None else str(issue.path),
                "message": issue.message,
            }
            for test in (students, strangers)
            if test
            for issue in test.issues
        ],
        "images": [_picture(picture) for picture in pictures],
        "milliseconds": _mean_times(pictures),
    }


def _interval(rate: Rate) -> list[float] | None:
    return None if rate.interval is None else [round(end, 6) for end in rate.interval]


def _student(row: StudentResult) -> dict[str, Any]:
    return {**row.as_dict(), "tpir": row.named / row.photos if row.photos else None}


def _misnamings(items: Iterable[Misnaming]) -> list[dict[str, Any]]:
    return [
        {"path": str(item.path), "folder": item.owner, "named": item.named, "probability": item.probability}
        for item in items
    ]


def _picture(picture: PictureTest) -> dict[str, Any]:
    result = picture.result
    return {
        "path": str(picture.path),
        "error": picture.problem,
        "width": result.image_size[0] if result else None,
        "height": result.image_size[1] if result else None,
        "skipped_faces": result.skipped_faces if result else None,
        "milliseconds": dict(result.milliseconds) if result else None,
        "faces": [
            {
                "box": [float(value) for value in face.face.box.as_tuple()],
                "name": face.identity.student_id,
                "decision": face.identity.decision.value,
                "probability": float(face.identity.probability),
                "certainty": certainty(face.identity),
                "score": float(face.identity.score),
                "similarity": float(face.identity.similarity),
                "candidates": [candidate.student_id for candidate in face.identity.candidates],
                "detector_probability": float(face.face.probability),
            }
            for face in (result.faces if result else ())
        ],
    }


def _mean_times(pictures: Sequence[PictureTest]) -> dict[str, float | None]:
    """Of the pictures that were recognised, by stage."""
    results = [picture.result for picture in pictures if picture.result is not None]
    return {
        stage: math.fsum(result.milliseconds[stage] for result in results) / len(results) if results else None
        for stage in STAGES
    }
