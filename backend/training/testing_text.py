"""The outcome of a test in words, for the terminal."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from recognizer.drawing import SIGNS, label_text
from recognizer.types import Decision, Identity, ModelInfo, RecognitionResult
from training.evaluation import Rate, StudentResult
from training.testing import Misnaming, StrangersTest, StudentsTest, certainty, det_points

STAGES = {"detect": "finding faces", "embed": "embedding", "classify": "classifying", "total": "in all"}
ASCII_SIGNS = {Decision.KNOWN: "+", Decision.UNCERTAIN: "?", Decision.UNKNOWN: "x"}

# Lists on the terminal; the JSON file has everything.
LONGEST_LIST = 10
LONGEST_TABLE = 40


def model_lines(info: ModelInfo, threshold: float | None) -> Iterator[str]:
    embedder = "unknown embedder" if info.embedder is None else f"embedder {info.embedder.id}"
    checked = {"manifest": "checked", "signed": "signature checked"}.get(info.verified, "not verified: no manifest")
    yield f"Model {info.model_version}: {info.student_count} students, {embedder}, {checked}"
    if threshold is None:
        yield "  The model is of an old format without a threshold, so nobody is named. Train again for names."


def picture_lines(path: Path, result: RecognitionResult, *, plain: bool = False) -> Iterator[str]:
    """One picture's faces, largest first. plain: with signs that every console has."""
    width, height = result.image_size
    count = len(result.faces)
    counted = "no face found" if not count else "1 face" if count == 1 else f"{count} faces"
    yield f"{path} ({width} x {height} pixels): {counted}"
    signs = ASCII_SIGNS if plain else SIGNS
    names = [f"{signs[face.identity.decision]} {label_text(face.identity)}" for face in result.faces]
    longest = max(map(len, names), default=0)
    for name, face in zip(names, result.faces, strict=True):
        box = face.face.box
        corners = f"box {box.x1:.0f},{box.y1:.0f} to {box.x2:.0f},{box.y2:.0f}"
        yield f"  {name:<{longest}}  {_confidence(face.identity)}; {corners}; face {_percent(face.face.probability)}"
    if result.skipped_faces:
        yield (
            f"  {result.skipped_faces} smaller faces were found and not recognised, because {count} is the most for "
            "one picture (setting SMARTATTENDANCE_MAX_FACES_PER_IMAGE)"
        )
    times = (f"{STAGES.get(stage, stage)} {value:.1f}" for stage, value in result.milliseconds.items())
    yield f"  milliseconds: {', '.join(times)}"


def students_lines(test: StudentsTest, metrics: Mapping[str, Any]) -> Iterator[str]:
    """metrics: of the model's metadata, what its training measured on photos held out."""
    photos, people = test.tpir.total, len(test.students)
    yield f"Photos of students: {_count(photos, 'photo')} of {_count(people, 'student')} in {test.root}"
    yield from _table(
        ("named rightly (TPIR)", test.tpir),
        ("right student ranked first", test.rank1),
        ("not sure, a person decides", test.review),
        ("unknown", test.unknown),
        ("given a wrong name", test.misnamed),
    )
    yield f"  faces: {test.ways['detected']} found, {test.ways['padded']} found after adding a border, " + (
        f"{test.ways['whole']} not found, so the whole image was taken"
    )
    yield from _training_lines(test, metrics)
    yield from _student_table(test.students)
    yield from _misnaming_lines("Photos given a wrong name", test.misnamings)
    if test.strangers:
        yield (
            f"  Not in the model, so in none of these rates: {_listed(test.strangers)}. Of their "
            f"{_count(test.stranger_photos, 'photo')}, {len(test.strangers_named)} got another student's name. "
            "Train again to have them recognised."
        )
        yield from _misnaming_lines("Of people not in the model", test.strangers_named)
    if test.absent:
        yield f"  In the model, but without a photo here: {_listed(test.absent)}"
    yield from _listed_lines("Not used", [issue.message for issue in test.issues])


def strangers_lines(test: StrangersTest) -> Iterator[str]:
    yield f"Photos of strangers: {_count(test.fpir.total, 'photo')} in {test.root}"
    yield from _table(("given a name (FPIR)", test.fpir), ("not sure, a person decides", test.review))
    if test.enrolled_names:
        yield (
            f"  Folders here are called like students in the model: {_listed(test.enrolled_names)}. If these are the "
            "same people they are no strangers, and their names are no errors: move them away."
        )
    yield from _misnaming_lines("Strangers given a name", test.named)
    found_none = [_below(test.root, path) for path in test.no_face]
    yield from _listed_lines("No face found, in no rate", found_none)
    yield from _listed_lines("Not used", [issue.message for issue in test.issues])


def det_lines(students: StudentsTest, strangers: StrangersTest) -> Iterator[str]:
    yield "Students named rightly, by the share of these strangers that a threshold lets through:"
    for rate, tpir in det_points(students, strangers).items():
        seen = "too few strangers to tell" if tpir is None else _percent(tpir)
        yield f"  {_percent(float(rate)):>7}  {seen}"


def _confidence(identity: Identity) -> str:
    if identity.decision is Decision.UNKNOWN:
        return f"{certainty(identity)}, {_percent(identity.probability)} that it is a student"
    return f"{_percent(identity.probability)}, {certainty(identity)}"


def _training_lines(test: StudentsTest, metrics: Mapping[str, Any]) -> Iterator[str]:
    if not test.trained_on:
        yield "  If it was trained on some of these photos, the figures flatter it: judge it by photos taken later."
        return
    yield "  These are the photos it was trained on, so these figures flatter it."
    shown = {"tpir": "named rightly", "rank1": "right student ranked first", "stranger_fpir": "strangers named"}
    held_out = [(words, _stored_rate(metrics.get(name))) for name, words in shown.items()]
    rates = [(words, rate) for words, rate in held_out if rate is not None]
    if rates:
        yield "  On photos that its training held out:"
        yield from (f"  {line}" for line in _table(*rates))


def _stored_rate(stored: object) -> Rate | None:
    """A rate out of a model's metadata, where it may be anything."""
    if not isinstance(stored, Mapping):
        return None
    count, total = stored.get("count"), stored.get("total")
    return Rate(count, total) if isinstance(count, int) and isinstance(total, int) and 0 <= count <= total > 0 else None


def _student_table(students: Sequence[StudentResult]) -> Iterator[str]:
    """Worst first; those of whom every photo was named rightly only while the table is short."""
    ordered = sorted(students, key=lambda row: (row.named / row.photos, row.student_id))
    shown = ordered if len(ordered) <= LONGEST_TABLE else [row for row in ordered if row.named < row.photos]
    shown = shown[:LONGEST_TABLE]
    width = max([len("student"), *(len(row.student_id) for row in shown)])
    if shown:
        yield f"  {'student':<{width}}  photos   right  not sure  unknown   wrong"
    for row in shown:
        yield (
            f"  {row.student_id:<{width}}  {row.photos:>6}  {row.named:>6}  {row.uncertain:>8}  {row.unknown:>7}  "
            f"{row.misnamed:>6}"
        )
    rest = ordered[len(shown) :] if shown == ordered[: len(shown)] else []
    missed = sum(row.named < row.photos for row in rest)
    if rest and missed:
        yield f"  and {len(rest)} more, {missed} of them with photos not named rightly; --json lists all"
    elif rest:
        yield f"  every photo of the other {len(rest)} was named rightly"


def _misnaming_lines(title: str, misnamings: Iterable[Misnaming]) -> Iterator[str]:
    worst = sorted(misnamings, key=lambda item: (-item.probability, str(item.path)))
    lines = [f"{item.path} was named {item.named} ({_percent(item.probability)})" for item in worst]
    yield from _listed_lines(title, lines)


def _listed_lines(title: str, lines: Sequence[str]) -> Iterator[str]:
    if lines:
        yield f"  {title} ({len(lines)}):"
        yield from (f"    {line}" for line in lines[:LONGEST_LIST])
    if len(lines) > LONGEST_LIST:
        yield f"    and {len(lines) - LONGEST_LIST} more; --json lists all"


def _table(*rows: tuple[str, Rate]) -> Iterator[str]:
    width = max(len(words) for words, _ in rows)
    yield from (f"  {words:<{width}}  {rate}" for words, rate in rows)


def _listed(names: Sequence[str]) -> str:
    more = f" and {len(names) - LONGEST_LIST} more" if len(names) > LONGEST_LIST else ""
    return ", ".join(names[:LONGEST_LIST]) + more


def _count(number: int, noun: str) -> str:
    return f"1 {noun}" if number == 1 else f"{number:,} {noun}s"


def _percent(share: float) -> str:
    """One decimal, and never rounded to a certainty that is not there."""
    percent = 100 * share
    if 0 < percent < 0.1:
        return "under 0.1 %"
    return "over 99.9 %" if 99.9 < percent < 100 else f"{percent:.1f} %"


def _below(root: Path, path: Path) -> str:
    return path.relative_to(root).as_posix() if path.is_relative_to(root) else str(path)
