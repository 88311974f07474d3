"""The trained model: is it there, whole, recent, and does it know those whom it may know?"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta, timezone
from typing import TYPE_CHECKING

from diagnosis import remedies
from diagnosis.case import Case
from diagnosis.database import contents, readable
from diagnosis.finding import Finding, note, ok, problem
from diagnosis.wording import ago, count, first_line, shown, some
from student_ids import key_of

if TYPE_CHECKING:
    from errors import ModelError
    from recognizer.artifact import ClassifierArtifact

LABEL = "Model"
# A school year: by then faces have changed, most of all children's.
_OLD = timedelta(days=365)


def artifact(case: Case) -> ClassifierArtifact | None:
    """The model in the model folder; None when there is none that can be used."""
    found = _loaded(case)
    return None if isinstance(found, Exception) else found


def loads(case: Case) -> Iterator[Finding]:
    from errors import ModelNotFoundError

    found = _loaded(case)
    if isinstance(found, ModelNotFoundError):
        yield from _none_yet(case)
    elif isinstance(found, Exception):
        yield problem(
            "model_refused",
            LABEL,
            f"it is refused, and a server that starts now recognises nobody: {first_line(found)}",
            *_remedy_of_refused(case),
        )
    else:
        yield from _described(found, case)


def people(case: Case) -> Iterator[Finding]:
    """Whom the model knows, compared with whom the database has."""
    from attendance.rosters import without_consent

    model, database, found = artifact(case), readable(case), contents(case)
    if model is None or database is None or found is None:
        return
    known = set(map(key_of, map(str, model.classes)))
    with database.reading() as db:
        withdrawn = sorted(name for name in without_consent(db) if key_of(name) in known)
    if withdrawn:
        yield problem(
            "model_knows_withdrawn",
            LABEL,
            f"it still knows {count(len(withdrawn), 'student')} whose consent was withdrawn ({some(withdrawn)})",
            "Nobody is told their names. Erase what is left of them, for each:",
            remedies.app("check", "--erase", withdrawn[0]),
        )
    if found.students and known.isdisjoint(map(key_of, found.consented)):
        yield problem(
            "model_of_others",
            LABEL,
            "none of the students it knows has a consent in the database, so that nobody is marked",
            *remedies.to_train(
                case.settings,
                "Record the consents, if they were given; otherwise the model is of another database: train one here.",
            ),
        )
        return
    strangers = sorted(name for name in found.consented if key_of(name) not in known)
    if strangers:
        yield note(
            "model_lacks_students",
            LABEL,
            f"{count(len(strangers), 'student')} with consent {'is' if len(strangers) == 1 else 'are'} not in it "
            f"({some(strangers)})",
            *remedies.to_train(case.settings, "Take their photos if there are none, then train."),
        )


def _loaded(case: Case) -> ClassifierArtifact | ModelError:
    def find_out() -> ClassifierArtifact | ModelError:
        from errors import ModelError
        from recognizer.artifact import MODEL_FILE
        from recognizer.classifier import FaceClassifier
        from recognizer.loader import ClassifierLoader
        from recognizer.reading import load_artifact

        path = case.settings.model_dir / MODEL_FILE
        key = None if case.settings.model_signing_key is None else case.settings.model_signing_key.encode()
        loader = ClassifierLoader(
            path,
            build=FaceClassifier,
            embedder=None,
            signing_key=key,
        )
        try:
            loader.load_now()  # tries it as the server does
            return load_artifact(path, signing_key=key)[0]
        except ModelError as error:
            return error

    return case.once("model", find_out)


def _none_yet(case: Case) -> Iterator[Finding]:
    from training.dataset import SYSTEM_FILES

    folder = case.settings.dataset_dir
    found = folder.iterdir() if folder.is_dir() else ()
    students = [path for path in found if path.is_dir() and path.name not in SYSTEM_FILES]
    text = f"there is none in {shown(case.settings.model_dir)}, so that nobody is recognised yet"
    if students:
        yield problem(
            "no_model",
            LABEL,
            f"{text}; photos of {count(len(students), 'student')} are there",
            *remedies.to_train(case.settings, "Train."),
        )
    else:
        yield problem(
            "no_model",
            LABEL,
            text,
            *remedies.to_train(
                case.settings,
                f"Put photos into {shown(folder)}, a folder for each student, or enrol students on the page; then "
                "train.",
            ),
        )


def _remedy_of_refused(case: Case) -> tuple[str, str | None]:
    from errors import ModelError
    from recognizer.history import list_versions

    try:
        kept = [item.version for item in list_versions(case.settings.model_dir)]
    except ModelError:
        kept = []
    if kept:
        return f"Go back to one that was kept ({some(kept)}), or train again.", remedies.train("--activate", kept[0])
    return remedies.to_train(case.settings, "Train again; there is none to go back to.")


def _described(model: ClassifierArtifact, case: Case) -> Iterator[Finding]:
    created = _moment(model.metadata.get("created_at"))
    age = None if created is None else case.now - created
    embedder = "of an unknown network" if model.embedder is None else f"of {model.embedder.id}"
    trained = "" if age is None else f", trained {ago(age)}"
    text = f"{model.model_version}{trained}, {count(len(model.classes), 'student')}, on embeddings {embedder}"
    if age is not None and age > _OLD:
        remedy = remedies.to_train(case.settings, "Faces change: take new photos, and train again.")
        yield note("model_old", LABEL, text, *remedy)
    else:
        yield ok("model", LABEL, text)
    if not (case.settings.model_dir / "MANIFEST.json").is_file():
        yield note(
            "model_unlisted",
            LABEL,
            "there is no MANIFEST.json beside it, so that nobody can tell whether it is the one that was trained",
            *remedies.to_train(case.settings, "Train again, which writes one."),
        )


def _moment(text: object) -> datetime | None:
    try:
        moment = datetime.fromisoformat(str(text))
    except ValueError:
        return None
    return moment if moment.tzinfo is not None else moment.replace(tzinfo=timezone.utc)  # noqa: UP017


CHECKS = ((loads, LABEL), (people, LABEL))
