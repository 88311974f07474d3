"""Asking the doctor, and seeing that it changed nothing."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
from sklearn.preprocessing import StandardScaler
from sklearn.svm import LinearSVC

from attendance.database import Database
from attendance.models import Consent, ConsentMethod, Course, Role, Student, UserAccount
from config import Settings
from diagnosis.case import Case
from diagnosis.command import Checks, findings
from diagnosis.finding import Finding, Status
from recognizer.history import publish
from recognizer.types import EmbedderInfo
from support.embeddings import gallery_artifact
from support.models import make_metadata

NOW = datetime(2026, 11, 2, 8, 0, tzinfo=UTC)


def look(
    settings: Settings, checks: Checks, environ: Mapping[str, str] | None = None, now: datetime = NOW
) -> list[Finding]:
    return list(findings(Case(settings, environ or {}, now=now), checks))


def by_code(found: list[Finding]) -> dict[str, Finding]:
    return {each.code: each for each in found}


def troubles(found: list[Finding]) -> dict[str, Status]:
    """The codes of what is not well."""
    return {each.code: each.status for each in found if each.status is not Status.OK}


def tree(folder: Path) -> dict[str, Any]:
    """Everything below ``folder``: modes, times and contents."""
    return {
        str(path.relative_to(folder)): (
            path.stat().st_mode,
            path.stat().st_mtime_ns,
            path.read_bytes() if path.is_file() else None,
        )
        for path in [folder, *sorted(folder.rglob("*"))]
    }


def publish_model(
    folder: Path, embedder: EmbedderInfo, students: list[str], created_at: datetime = NOW, version: str = "v1"
) -> None:
    """A model of random faces, as if trained with ``embedder``."""
    random = np.random.default_rng(0)
    numbers = np.repeat(np.arange(len(students)), 4)
    X = random.normal(size=(len(students), embedder.dimension))[numbers]
    X += 0.3 * random.normal(size=X.shape)
    X = (X / np.linalg.norm(X, axis=1, keepdims=True)).astype(np.float32)
    artifact = gallery_artifact(
        X,
        numbers,
        model=LinearSVC(random_state=0).fit(StandardScaler().fit_transform(X), np.array(students)[numbers]),
        classes=np.array(students),
        metadata=make_metadata(version, embedder, created_at.isoformat()),
    )
    publish(folder, artifact, {})


def add_school(
    url: str, students: list[str], at: datetime = NOW, withdrawn: tuple[str, ...] = (), zone: str = "UTC"
) -> None:
    """An admin, a course, and students who consented, some of whom took it back. Makes a file, its folder, and the
    tables where there are none."""
    if url.startswith("sqlite"):
        Path(url.removeprefix("sqlite:///")).parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    database = Database(url)
    database.prepare()
    with database.writing() as db:
        admin = UserAccount(email="admin@example.org", name="Admin", role=Role.ADMIN, created_at=at)
        course = Course(code="A", title="A course", term="2026", timezone=zone, created_at=at)
        db.add_all([admin, course])
        db.flush()
        for external_id in students:
            student = Student(external_id=external_id, name=external_id, created_at=at)
            db.add(student)
            db.flush()
            gone = external_id in withdrawn
            db.add(
                Consent(
                    student_id=student.id,
                    policy_version="1",
                    method=ConsentMethod.PAPER,
                    given_at=at,
                    recorded_by=admin.id,
                    withdrawn_at=at if gone else None,
                    withdrawn_by=admin.id if gone else None,
                )
            )
    database.close()
