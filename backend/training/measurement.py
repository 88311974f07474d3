"""Measuring a fitted model on photos, and strangers, that it has not seen."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from recognizer.classifier import FaceClassifier
from recognizer.scoring import Gallery
from recognizer.types import Decision, FloatArray, Identity
from training.calibration import Thresholds
from training.evaluation import LookAlikes, OpenSetScores, Rate, StudentResult, worst_pairs


@dataclass(frozen=True, slots=True, eq=False)
class EvaluationReport:
    """What was measured on photos that the measured model had not seen.

    scores: of the delivered kind of model on held-out probes; strangers are real ones where given, else each probe
    against the gallery without its own student. methods: the same probes scored in other ways. in_conditions: probes
    named rightly in each of ``training.conditions.CONDITIONS``, as training draws them; empty where none were drawn."""

    rank1: Rate
    tpir: Rate
    misnamed: Rate
    review: Rate
    stranger_fpir: Rate
    left_out_fpir: Rate
    measured_thresholds: Thresholds
    scores: OpenSetScores
    strangers_are_real: bool
    students: tuple[StudentResult, ...]
    pairs: tuple[LookAlikes, ...]
    methods: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    in_conditions: Mapping[str, Rate] = field(default_factory=dict)

    @property
    def named_within_five(self) -> float:
        """The share of students, 0..1, whom at least one of five frames names, if frames are as different as photos.

        By student: who is hard to name stays so. A student's own rate is drawn to that of all, as if two more photos
        had shown that, since one or two are held back of each."""
        usual = self.tpir.value or 0.0
        rates = np.array([(row.named + 2 * usual) / (row.photos + 2) for row in self.students if row.photos])
        return float(np.mean(1 - (1 - rates) ** 5)) if len(rates) else 0.0

    def as_dict(self) -> dict[str, Any]:
        """Plain and JSON-ready; free of times, so equal for equal data and seed."""
        return {
            "rank1": self.rank1.as_dict(),
            "tpir": self.tpir.as_dict(),
            "misnamed": self.misnamed.as_dict(),
            "review": self.review.as_dict(),
            "stranger_fpir": self.stranger_fpir.as_dict(),
            "left_out_fpir": self.left_out_fpir.as_dict(),
            "det": self.scores.det(),
            "strangers": "real" if self.strangers_are_real else "students left out in turn",
            "thresholds": self.measured_thresholds.as_dict(),
            "students": [student.as_dict() for student in self.students],
            "look_alikes": [asdict(pair) for pair in self.pairs],
            "named_within_five": round(self.named_within_five, 4),
            "in_conditions": {name: rate.as_dict() for name, rate in self.in_conditions.items()},
            "methods": {name: dict(row) for name, row in self.methods.items()},
        }


def measure(
    classifier: FaceClassifier,
    gallery: Gallery,
    thresholds: Thresholds,
    probes: FloatArray,
    truth: NDArray[np.intp],
    strangers: FloatArray | None,
    methods: Mapping[str, Mapping[str, Any]],
) -> EvaluationReport:
    """What ``classifier`` says of ``probes`` (n, d) of the students ``truth`` (n,), and of ``strangers`` (m, d).

    gallery, thresholds: the classifier's. methods: the same probes scored in other ways, for the report.
    """
    answers = classifier.identify(probes)
    position = {name: index for index, name in enumerate(classifier.classes)}
    named = np.array([-1 if a.student_id is None else position[a.student_id] for a in answers])
    uncertain = np.array([a.decision is Decision.UNCERTAIN for a in answers])
    correct = classifier.rank(probes) == truth

    adjusted = probes @ gallery.centroids.T - gallery.offsets(thresholds.scoring)
    others = adjusted.copy()
    others[np.arange(len(truth)), truth] = -np.inf
    left_out = others.max(axis=1)
    stranger_scores, stranger_fpir = left_out, Rate(0, 0)
    real = strangers is not None and len(strangers) > 0
    if strangers is not None and real:
        said = classifier.identify(strangers)
        stranger_scores = _accept_scores(said)
        stranger_fpir = Rate(sum(a.decision is Decision.KNOWN for a in said), len(said))
    return EvaluationReport(
        rank1=Rate(int(correct.sum()), len(truth)),
        tpir=Rate(int((named == truth).sum()), len(truth)),
        misnamed=Rate(int(((named >= 0) & (named != truth)).sum()), len(truth)),
        review=Rate(int(uncertain.sum()), len(truth)),
        stranger_fpir=stranger_fpir,
        left_out_fpir=Rate(int((left_out > thresholds.accept).sum()), len(left_out)),
        measured_thresholds=thresholds,
        scores=OpenSetScores(_accept_scores(answers), correct, stranger_scores),
        strangers_are_real=real,
        students=_by_student(np.array(classifier.classes), truth, named, uncertain, correct),
        pairs=worst_pairs(adjusted, truth, np.array(classifier.classes)),
        methods=methods,
    )


def _accept_scores(answers: tuple[Identity, ...]) -> FloatArray:
    """(n,) scores; -inf where classifier and gallery disagree, because no threshold would give a name then."""
    return np.array([a.score if a.agreed else -np.inf for a in answers], dtype=np.float32)


def _by_student(
    classes: NDArray[np.str_],
    truth: NDArray[np.intp],
    named: NDArray[np.intp],
    uncertain: NDArray[np.bool_],
    correct: NDArray[np.bool_],
) -> tuple[StudentResult, ...]:
    rows = []
    for index, name in enumerate(classes):
        own = truth == index
        right = int((named[own] == index).sum())
        wrong = int(((named[own] >= 0) & (named[own] != index)).sum())
        doubtful = int(uncertain[own].sum())
        photos = int(own.sum())
        rows.append(
            StudentResult(
                student_id=str(name),
                photos=photos,
                named=right,
                uncertain=doubtful,
                unknown=photos - right - wrong - doubtful,
                misnamed=wrong,
                rank1=int(correct[own].sum()),
            )
        )
    return tuple(rows)
