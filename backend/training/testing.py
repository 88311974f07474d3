"""Trying a trained model on pictures: photos of its students, photos of strangers, any picture.

The photos of a folder go the same way as in training, through ``training.preparation``; a single picture goes the way
of a live frame, through ``recognizer.pipeline``.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from errors import DatasetError
from recognizer.artifact import ClassifierArtifact
from recognizer.types import Decision, FloatArray, Identity, RecognitionResult
from student_ids import key_of
from training.cache import EmbeddingCache
from training.dataset import DatasetScan
from training.evaluation import OpenSetScores, Rate, StudentResult
from training.opened_model import OpenedModel
from training.preparation import PreparedDataset, Progress
from training.samples import DatasetIssue, Sample, fingerprint, reasons
from training.strangers import StrangerScan

# From these calibrated probabilities on, words; below the second there is reason to look twice.
SURE = 0.95
FAIRLY_SURE = 0.80


@dataclass(frozen=True, slots=True)
class PictureTest:
    """One picture: the result, or why there is none."""

    path: Path
    result: RecognitionResult | None
    problem: str | None = None


def certainty(identity: Identity) -> str:
    """``sure``, ``fairly sure`` or ``not sure`` of the decision; always ``not sure`` when a person has to decide."""
    if identity.decision is Decision.UNCERTAIN:
        return "not sure"
    known = identity.decision is Decision.KNOWN
    probability = identity.probability if known else 1 - identity.probability
    if probability >= SURE:
        return "sure"
    return "fairly sure" if probability >= FAIRLY_SURE or known else "not sure"


@dataclass(frozen=True, slots=True)
class Misnaming:
    """A photo that was given a name it should not have. owner: the folder it lies in. named: the student named."""

    path: Path
    owner: str
    named: str
    probability: float


@dataclass(frozen=True, slots=True, eq=False)
class StudentsTest:
    """What the model says of photos of its students.

    rank1: the right student ranks first, named or not. tpir: the right name is given. review: left to a person.
    unknown: turned away. misnamed: another student's name is given. scores: genuine (n,) and correct (n,) as in
    OpenSetScores. ways: how many faces were found which way. trained_on: these are the very photos of its training.
    strangers: folders of people who are not in the model, left out of all rates; stranger_photos: their images;
    strangers_named: those of them that were named. absent: enrolled students without a photo here.
    """

    root: Path
    rank1: Rate
    tpir: Rate
    review: Rate
    unknown: Rate
    misnamed: Rate
    students: tuple[StudentResult, ...]
    genuine: FloatArray
    correct: NDArray[np.bool_]
    misnamings: tuple[Misnaming, ...]
    ways: dict[str, int]
    issues: tuple[DatasetIssue, ...]
    trained_on: bool
    strangers: tuple[str, ...]
    stranger_photos: int
    strangers_named: tuple[Misnaming, ...]
    absent: tuple[str, ...]


@dataclass(frozen=True, slots=True, eq=False)
class StrangersTest:
    """What the model says of photos of people it does not know.

    fpir: given any name. review: left to a person. scores: (m,) as in OpenSetScores. no_face: images in which no face
    was found; they are in no rate, because nobody could be named there. enrolled_names: folders called like a student.
    """

    root: Path
    fpir: Rate
    review: Rate
    scores: FloatArray
    named: tuple[Misnaming, ...]
    no_face: tuple[Path, ...]
    issues: tuple[DatasetIssue, ...]
    enrolled_names: tuple[str, ...]


def measure_students(
    model: OpenedModel, scanned: DatasetScan, cache: EmbeddingCache | None = None, progress: Progress | None = None
) -> StudentsTest:
    """Recognise every photo of a data set. Raises DatasetError when none of its students is in the model."""
    classes = model.classifier.classes
    scanned = scanned.spelled_like(classes)
    enrolled = sorted(set(scanned.student_ids) & set(classes))
    if not enrolled:
        found = ", ".join(scanned.student_ids[:5]) or "nobody"
        raise DatasetError(
            f"none of the students in {scanned.root} ({found}, ...) is in the model ({', '.join(classes[:5])}, ...). "
            "Name the data set it was trained on with --dataset, or train again"
        )
    prepared = model.prepare(scanned.samples, cache, progress)
    identities = model.classifier.identify(prepared.embeddings)
    known = np.isin(prepared.labels, enrolled)
    if not known.any():
        why = reasons(scanned.issues + prepared.issues)
        raise DatasetError(f"no photo of a student in the model could be read in {scanned.root}. {why}".strip())
    position = {name: index for index, name in enumerate(classes)}
    correct = np.array([position.get(str(label), -1) for label in prepared.labels]) == model.classifier.rank(
        prepared.embeddings
    )
    rows = list(zip(prepared.samples, identities, known.tolist(), correct.tolist(), strict=True))
    own = [(sample, identity, right) for sample, identity, is_known, right in rows if is_known]
    named = [identity.student_id for _, identity, _ in own]
    misnamed = [name is not None and name != sample.student_id for name, (sample, _, _) in zip(named, own, strict=True)]
    decisions = [identity.decision for _, identity, _ in own]
    total = len(own)
    strange = [(sample, identity) for sample, identity, is_known, _ in rows if not is_known]
    return StudentsTest(
        root=scanned.root,
        rank1=Rate(sum(right for _, _, right in own), total),
        tpir=Rate(decisions.count(Decision.KNOWN) - sum(misnamed), total),
        review=Rate(decisions.count(Decision.UNCERTAIN), total),
        unknown=Rate(decisions.count(Decision.UNKNOWN), total),
        misnamed=Rate(sum(misnamed), total),
        students=_by_student(own),
        genuine=_accept_scores([identity for _, identity, _ in own]),
        correct=np.array([right for _, _, right in own], dtype=bool),
        misnamings=_misnamings([(sample, i) for wrong, (sample, i, _) in zip(misnamed, own, strict=True) if wrong]),
        ways=prepared.ways,
        issues=scanned.issues + prepared.issues,
        trained_on=_trained_on(model.artifact, scanned, prepared),
        strangers=tuple(sorted(set(scanned.student_ids) - set(classes))),
        stranger_photos=len(strange),
        strangers_named=_misnamings(strange),
        absent=tuple(sorted(set(classes) - set(prepared.labels.tolist()))),
    )


def measure_strangers(
    model: OpenedModel, scanned: StrangerScan, cache: EmbeddingCache | None = None, progress: Progress | None = None
) -> StrangersTest:
    """Recognise every face of a folder of strangers. Raises DatasetError when there is no face in it."""
    prepared = model.prepare(scanned.samples, cache, progress)
    faces = prepared.how != "whole"
    if not faces.any():
        why = reasons(scanned.issues + prepared.issues)
        raise DatasetError(
            f"no face was found in any of the {len(prepared.samples)} images in {scanned.root}. {why}".strip()
        )
    samples = [sample for sample, is_face in zip(prepared.samples, faces, strict=True) if is_face]
    identities = model.classifier.identify(prepared.embeddings[faces])
    named = _misnamings(list(zip(samples, identities, strict=True)))
    doubtful = sum(identity.decision is Decision.UNCERTAIN for identity in identities)
    owners = {key_of(sample.student_id) for sample in samples}
    return StrangersTest(
        root=scanned.root,
        fpir=Rate(len(named), len(samples)),
        review=Rate(doubtful, len(samples)),
        scores=_accept_scores(identities),
        named=named,
        no_face=tuple(sample.path for sample, is_face in zip(prepared.samples, faces, strict=True) if not is_face),
        issues=scanned.issues + prepared.issues,
        enrolled_names=tuple(sorted(name for name in model.classifier.classes if key_of(name) in owners)),
    )


def det_points(students: StudentsTest | None, strangers: StrangersTest | None) -> dict[str, float | None]:
    """TPIR at FPIR 0.001, 0.01 and 0.1 of these very strangers; None where they are too few or either is missing."""
    nobody = np.zeros(0, np.float32)
    if students is None:
        return OpenSetScores(nobody, nobody.astype(bool), nobody).det()
    return OpenSetScores(students.genuine, students.correct, nobody if strangers is None else strangers.scores).det()


def _accept_scores(identities: Sequence[Identity]) -> FloatArray:
    """(n,) what the threshold is applied to; -inf for a face that nobody's name is given whatever its score."""
    return np.array([identity.score if identity.agreed else -np.inf for identity in identities], dtype=np.float32)


def _misnamings(answers: Sequence[tuple[Sample, Identity]]) -> tuple[Misnaming, ...]:
    return tuple(
        Misnaming(sample.path, sample.student_id, identity.student_id, identity.probability)
        for sample, identity in answers
        if identity.student_id is not None
    )


def _by_student(answers: Sequence[tuple[Sample, Identity, bool]]) -> tuple[StudentResult, ...]:
    rows = []
    for student in sorted({sample.student_id for sample, _, _ in answers}):
        own = [(identity, right) for sample, identity, right in answers if sample.student_id == student]
        names = [identity.student_id for identity, _ in own]
        decisions = [identity.decision for identity, _ in own]
        rows.append(
            StudentResult(
                student_id=student,
                photos=len(own),
                named=names.count(student),
                uncertain=decisions.count(Decision.UNCERTAIN),
                unknown=decisions.count(Decision.UNKNOWN),
                misnamed=decisions.count(Decision.KNOWN) - names.count(student),
                rank1=sum(right for _, right in own),
            )
        )
    return tuple(rows)


def _trained_on(artifact: ClassifierArtifact, scanned: DatasetScan, prepared: PreparedDataset) -> bool:
    """Whether the model was trained on these very photos: all that could be used, of the students it knows."""
    known = set(artifact.classes.tolist())
    candidates = (
        scanned.samples,
        prepared.samples,
        [sample for sample in scanned.samples if sample.student_id in known],
        [sample for sample in prepared.samples if sample.student_id in known],
    )
    return artifact.metadata.get("dataset_fingerprint") in {fingerprint(samples) for samples in candidates}
