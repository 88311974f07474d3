"""``training_summary.txt``: what was trained, how good it is and what to do about it, for the person in charge."""

from __future__ import annotations

import math
import textwrap
import unicodedata
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from training.advice import threshold_advice
from training.evaluation import Rate, StudentResult
from training.lettering import shortened
from training.samples import DatasetIssue, IssueKind, count_images
from training.trainer import TrainingOutcome

LINE_WIDTH = 100  # characters
LONGEST_NAME = 24  # characters of an id in a table
MOST_LISTED = 8  # students, pairs and files of one kind; training_metadata.json has all of them

# By the angle between two students, as a share of the usual one: up to which limit which words are used.
LIKENESS = (
    (0.8, "very much alike"),
    (0.9, "more alike than most people"),
    (0.96, "a little more alike than most people"),
    (math.inf, "as different as most people"),
)
CONDITION_WORDS = {
    "mask": "  under a mask",
    "dark_glasses": "  behind dark glasses",
    "out_of_focus": "  out of focus",
    "moving": "  moving",
}
ENOUGH_NAMED = 0.8  # of the students in one frame; below it the summary warns
GOOD_RANKING = 0.9  # rank-1; below it no threshold helps

# In the order in which they deserve a look.
ISSUE_TITLES = {
    IssueKind.PROBABLE_MISLABEL: "Photos that may show somebody else (used; please look)",
    IssueKind.NO_FACE: "Photos in which no face was found (the whole photo was taken for one; please look)",
    IssueKind.CONFLICTING_DUPLICATE: "One file in two students' folders (used for neither)",
    IssueKind.SAME_STUDENT: "Folders whose names are the same id (used as one student; please look)",
    IssueKind.TOO_FEW_IMAGES: "Students with too few photos (left out)",
    IssueKind.NOT_LISTED: "Students who are not on the list (left out)",
    IssueKind.NO_FOLDER: "Students on the list without a folder (left out)",
    IssueKind.EMPTY_FOLDER: "Folders without photos (left out)",
    IssueKind.UNREADABLE_FOLDER: "Folders that cannot be opened (left out)",
    IssueKind.BAD_STUDENT_ID: "Folder names that cannot be student ids (left out)",
    IssueKind.UNREADABLE: "Photos that cannot be read (not used)",
    IssueKind.LOOSE_FILE: "Photos outside the students' folders (not used)",
    IssueKind.NESTED_FOLDER: "Folders inside students' folders (not used)",
    IssueKind.OUTSIDE_LINK: "Links that lead out of the data set (not followed)",
    IssueKind.EXACT_DUPLICATE: "The same file twice (used once)",
    IssueKind.NEAR_DUPLICATE: "Nearly the same picture twice (used, kept together)",
    IssueKind.FOREIGN_FILE: "Files that are not images (not used)",
    IssueKind.HIDDEN_FILE: "Hidden and system files (not used)",
}


def summary_text(
    outcome: TrainingOutcome,
    *,
    issues: Sequence[DatasetIssue],
    how_counts: Mapping[str, int],
    dataset_dir: str,
    seconds: Mapping[str, float],
    strangers_count: int,
    files: Sequence[str],
) -> str:
    """The summary as text, lines of at most ``LINE_WIDTH`` characters where no single name is longer.

    Arguments as for ``training.report.build_report_files``; files: names of what is published beside the model."""
    sections = (
        ("SmartAttendance: training summary", _trained(outcome, how_counts, dataset_dir, issues)),
        ("This class", _class(outcome)),
        ("How well it recognises", _recognition(outcome, strangers_count)),
        ("Threshold", _threshold(outcome)),
        ("Ways to score, on the same photos", _methods(outcome)),
        ("Students to look after", _weakest(outcome)),
        ("Students who look alike", _look_alikes(outcome)),
        (f"Data set: {_count(len(issues), 'remark')}", _issues(issues)),
        ("Time", _timings(seconds)),
        ("Files beside the model", [", ".join(files)]),
    )
    return "\n".join(line for title, body in sections for line in (title, "-" * len(title), *_wrapped(body), ""))


def _trained(
    outcome: TrainingOutcome, how_counts: Mapping[str, int], dataset_dir: str, issues: Sequence[DatasetIssue]
) -> Iterator[str]:
    metadata = outcome.artifact.metadata
    embedder, config = metadata["embedder"], metadata["config"]
    yield f"Model       {metadata['model_version']}, made {metadata['created_at']}"
    yield f"Data set    {dataset_dir}"
    left_out = sum(issue.kind is IssueKind.TOO_FEW_IMAGES for issue in issues)
    yield f"Trained on  {_count(metadata['students'], 'student')}, {_count(metadata['photos'], 'photo')}" + (
        f"; {_count(left_out, 'student')} left out with fewer than {count_images(config['min_images'])}"
        if left_out
        else ""
    )
    ways = [
        f"{how_counts.get('detected', 0):,} found",
        f"{how_counts.get('padded', 0):,} found after adding a border",
        f"{how_counts.get('whole', 0):,} not found (the whole image was taken)",
    ]
    yield f"Faces       {', '.join(ways)}"
    yield (
        f"Network     {embedder['id']} ({embedder['dimension']} numbers a face, weights "
        f"{embedder['weights_sha256'][:12]}); classifier {config['classifier']}; seed {config['seed']}"
    )


def _class(outcome: TrainingOutcome) -> Iterator[str]:
    """What an instructor has to expect of these students, and what would help them."""
    report, scale = outcome.report, outcome.thresholds.angle_scale
    how_alike = next(words for limit, words in LIKENESS if scale < limit)
    yield f"To the network these students look {how_alike}: the angle between two is {100 * scale:.0f} % of the usual."
    named, ranked = report.tpir.value or 0.0, report.rank1.value or 0.0
    yield from _columns(
        ("Named in one frame", f"{100 * named:.0f} of 100 students"),
        ("Named within five frames", f"{100 * report.named_within_five:.0f} of 100, if they turn and move meanwhile"),
        *(
            (CONDITION_WORDS[name], f"{100 * (rate.value or 0.0):.0f} of 100, measured on drawings")
            for name, rate in report.in_conditions.items()
        ),
    )
    if ranked < GOOD_RANKING:
        yield (
            "WARNING: this network does not tell these students apart. It ranks the right one first in only "
            f"{100 * ranked:.0f} of 100 photos. Use another network (--embedder facenet or onnx); more photos alone "
            "will not help."
        )
    elif named < ENOUGH_NAMED:
        yield (
            f"WARNING: the camera will name only {100 * named:.0f} of 100 students in one frame. Add photos of them in "
            "the room's own light, try another network (--embedder), or let a person decide about the others."
        )


def _recognition(outcome: TrainingOutcome, strangers_count: int) -> Iterator[str]:
    report, config = outcome.report, outcome.artifact.metadata["config"]
    total = report.rank1.total
    yield (
        f"Measured on {_count(total, 'photo')} held back from training. (The model in use was then trained on all of "
        "them.) “95 %” is the range in which the true rate lies with 95 % certainty."
    )
    unknown = Rate(total - report.tpir.count - report.misnamed.count - report.review.count, total)
    yield from _columns(
        ("Right student ranked first (rank-1)", str(report.rank1)),
        ("Students found, named rightly (TPIR)", str(report.tpir)),
        ("  left for a person to decide", str(report.review)),
        ("  answered “Unknown”", str(unknown)),
        ("  named as somebody else", str(report.misnamed)),
        ("Strangers named, expected (FPIR)", _expected(outcome, config["max_fpir"])),
        ("Strangers named, seen", _strangers_seen(outcome, strangers_count)),
    )
    if not report.strangers_are_real:
        yield (
            f"Students taken out of the model in turn, as strangers: {report.left_out_fpir} named. One pair of "
            "look-alikes decides this number; the expected rate is the better guide. Photos of real strangers "
            "(--unknown FOLDER) settle it."
        )


def _expected(outcome: TrainingOutcome, allowed: float) -> str:
    estimated = ", ESTIMATED" if _is_estimated(outcome) else ""
    return f"{100 * outcome.thresholds.expected_fpir:.2g} %{estimated} (allowed: {100 * allowed:g} %, --max-fpir)"


def _is_estimated(outcome: TrainingOutcome) -> bool:
    """Whether nobody has measured how strangers score with this network."""
    return bool(outcome.artifact.metadata["profile_origin"].get("estimated"))


def _strangers_seen(outcome: TrainingOutcome, strangers_count: int) -> str:
    if outcome.report.strangers_are_real:
        return str(outcome.report.stranger_fpir)
    return "no photos of strangers were given" if not strangers_count else "too few photos of strangers to measure"


def _threshold(outcome: TrainingOutcome) -> Iterator[str]:
    thresholds, config = outcome.thresholds, outcome.artifact.metadata["config"]
    measured = outcome.report.measured_thresholds
    percentile = config["threshold_percentile"]
    yield (
        f"Named from a score of {thresholds.accept:.4f}; from {thresholds.review:.4f} a person decides; below that: "
        "“Unknown”."
    )
    used = {True: "  <- stricter, used", False: ""}
    limited = thresholds.student_limit > -math.inf
    by_students = (
        "no limit by the students' photos"
        if not limited
        else f"reached by over {percentile:g} % of the students' photos"
        if thresholds.held_back
        else f"reached by {percentile:g} % of the students' photos"
    )
    yield from _columns(
        (
            f"{thresholds.student_limit:.4f}" if limited else "-",
            f"{by_students} (--threshold-percentile {percentile:g}){used[thresholds.bound_by == 'students']}",
        ),
        (
            f"{thresholds.stranger_limit:.4f}",
            f"reached by {100 * config['max_fpir']:g} % of strangers (--max-fpir {config['max_fpir']:g})"
            + used[thresholds.bound_by == "strangers"],
        ),
    )
    if _is_estimated(outcome):
        yield (
            "The strangers' limit is ESTIMATED from the class itself, as nobody has measured this network. Measure it "
            "on a folder of people with --measure-network DIR, or give photos of strangers with --unknown FOLDER."
        )
    reason = thresholds.scale_reason[:1].upper() + thresholds.scale_reason[1:]
    scaled = f" The angle of the strangers' limit is {100 * thresholds.angle_scale:.0f} % of the table's."
    yield f"{reason}." + (scaled if thresholds.angle_scale != 1 else "")
    yield f"A person is asked about {100 * thresholds.expected_review:.2g} % of strangers, by expectation."
    yield f"(The rates above were measured on a model trained on fewer photos; it named from {measured.accept:.4f}.)"
    yield from threshold_advice(outcome)


def _methods(outcome: TrainingOutcome) -> Iterator[str]:
    strangers = len(outcome.report.scores.strangers)
    yield (
        f"Percent, 95 % interval and count, of {_count(outcome.report.rank1.total, 'photo')}; found where 1 % and "
        "0.1 % of strangers are named."
    )
    rows: list[tuple[str, ...]] = [("", "ranked first", "found at 1 %", "found at 0.1 %")]
    for name, row in outcome.report.methods.items():
        cells = (row["rank1"], row["tpir_at_1_percent"], row["tpir_at_0.1_percent"])
        rows.append((name, *(_cell(cell) for cell in cells)))
    yield from _columns(*rows)
    if any("-" in row for row in rows):
        yield (
            f"-: too few strangers to see ({_count(strangers, 'photo')}; 1 % takes 100, 0.1 % takes 1,000: "
            "--unknown FOLDER)."
        )
    if not outcome.report.strangers_are_real:
        yield "Strangers here are students taken out in turn, which flatters the decision values."


def _cell(rate: Mapping[str, Any] | None) -> str:
    if rate is None or rate["value"] is None:
        return "-"
    return f"{100 * rate['value']:.1f} ({100 * rate['low']:.1f}-{100 * rate['high']:.1f}) {rate['count']}"


def _weakest(outcome: TrainingOutcome) -> Iterator[str]:
    students = outcome.report.students
    measured = [student for student in students if student.photos]
    weak = sorted((s for s in measured if s.named < s.photos), key=_weakness)
    if weak:
        rows = [
            (
                shortened(student.student_id, LONGEST_NAME),
                f"{student.named} of {student.photos} named",
                f"{student.uncertain} to decide",
                f"{student.unknown} Unknown",
                f"{student.misnamed} named wrongly",
            )
            for student in weak[:MOST_LISTED]
        ]
        yield from _columns(*rows)
        yield from _more(len(weak) - MOST_LISTED)
        yield "Add photos of them, taken at other times, in other light and from other sides."
    else:
        yield "None: every held-out photo was named rightly."
    if len(measured) < len(students):
        yield (
            f"Not measured, because no second, different photo could be held back: "
            f"{_count(len(students) - len(measured), 'student')}."
        )


def _weakness(student: StudentResult) -> tuple[float, float, str]:
    return -student.misnamed / student.photos, student.named / student.photos, student.student_id


def _look_alikes(outcome: TrainingOutcome) -> Iterator[str]:
    thresholds = outcome.report.measured_thresholds
    close = [pair for pair in outcome.report.pairs if pair.score >= thresholds.review]
    if not close:
        highest = f"; the closest pair scores {outcome.report.pairs[0].score:.3f}" if outcome.report.pairs else ""
        yield f"None come near the thresholds{highest}."
        return
    yield from _columns(
        *(
            (
                f"{shortened(pair.student_id, LONGEST_NAME)} and {shortened(pair.other_id, LONGEST_NAME)}",
                f"{pair.score:.3f}",
                "as close as photos that are named" if pair.score >= thresholds.accept else "close enough to decide",
            )
            for pair in close[:MOST_LISTED]
        )
    )
    yield from _more(len(close) - MOST_LISTED)
    yield (
        "A name is given only when one student is clearly nearer than every other; photos of such pairs may go to a "
        "person instead."
    )


def _issues(issues: Sequence[DatasetIssue]) -> Iterator[str]:
    by_kind: dict[IssueKind, list[DatasetIssue]] = defaultdict(list)
    for issue in issues:
        by_kind[issue.kind].append(issue)
    if not issues:
        yield "Nothing wrong was found."
    for kind in (*ISSUE_TITLES, *(kind for kind in by_kind if kind not in ISSUE_TITLES)):
        found = by_kind.get(kind, [])
        if found:
            yield f"{ISSUE_TITLES.get(kind, str(kind))}: {len(found):,}"
            yield from (f"  {issue.message}" for issue in found[:MOST_LISTED])
            yield from _more(len(found) - MOST_LISTED)


def _more(count: int) -> Iterator[str]:
    if count > 0:
        yield f"  and {count:,} more; training_metadata.json has all of them"


def _timings(seconds: Mapping[str, float]) -> Iterator[str]:
    if not seconds:
        yield "not recorded"
    yield from _columns(*((stage, f"{value:.1f} s") for stage, value in seconds.items()))


def _count(count: int, noun: str) -> str:
    return f"{count:,} {noun}" + ("" if count == 1 else "s")


def _columns(*rows: tuple[str, ...]) -> Iterator[str]:
    widths = [max(_width(row[i]) for row in rows) for i in range(max(map(len, rows), default=0))]
    for row in rows:
        yield "  ".join(cell + " " * (widths[i] - _width(cell)) for i, cell in enumerate(row)).rstrip()


def _width(text: str) -> int:
    """Columns on a terminal: wide characters take two, combining ones none."""
    return sum(
        0 if unicodedata.combining(character) else 2 if unicodedata.east_asian_width(character) in "WF" else 1
        for character in text
    )


def _wrapped(lines: Iterator[str] | Sequence[str]) -> Iterator[str]:
    for line in lines:
        if len(line) <= LINE_WIDTH:
            yield line
            continue
        indent = line[: len(line) - len(line.lstrip())]
        yield from textwrap.wrap(
            line.strip(), LINE_WIDTH, initial_indent=indent, subsequent_indent=indent + "  " * bool(indent),
            break_long_words=False, break_on_hyphens=False,
        )  # fmt: skip
