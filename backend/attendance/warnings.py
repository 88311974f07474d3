"""Rules by which a student's attendance is watched, and the warnings raised when it falls below one.

A warning is raised once when a student comes under a rule, not after every session while they stay there; again when
they had recovered in between.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session, contains_eager, joinedload

from attendance import audit, percentages, registers
from attendance.access import require_course
from attendance.actor import Actor, system_actor
from attendance.days import local_day
from attendance.models import (
    ClassSession,
    Course,
    MarkStatus,
    StudentStatus,
    WarningKind,
    WarningRule,
    WarningSent,
)
from attendance.paging import Page, page_of
from attendance.registers import SETTLED, Register
from errors import ConflictError, InvalidRequestError, NotFoundError

MOST_RULES = 20


def list_rules(db: Session, actor: Actor, course_id: int) -> Sequence[WarningRule]:
    """The rules of the course that are in force, oldest first."""
    require_course(db, actor, course_id)
    return _active_rules(db, course_id)


def create_rule(db: Session, actor: Actor, course_id: int, values: Mapping[str, Any], now: datetime) -> WarningRule:
    """A new rule. values: kind and threshold. It applies from the next session that is settled."""
    require_course(db, actor, course_id, lead=True)
    kind, threshold = values["kind"], values["threshold"]
    if kind is not WarningKind.PERCENT_BELOW and threshold != int(threshold):
        raise InvalidRequestError(
            "a number of absences is a whole one",
            code="threshold",
            errors=[{"field": "threshold", "message": "must be a whole number for this kind"}],
        )
    rules = _active_rules(db, course_id)
    if any(rule.kind is kind and rule.threshold == threshold for rule in rules):
        raise ConflictError("the course has this rule already", code="duplicate")
    if len(rules) >= MOST_RULES:
        raise ConflictError(f"a course has at most {MOST_RULES} rules; delete one first", code="too_many_rules")
    assert actor.user_id is not None
    rule = WarningRule(course_id=course_id, kind=kind, threshold=threshold, created_by=actor.user_id, created_at=now)
    db.add(rule)
    db.flush()
    audit.record(db, actor, "warning_rule.create", "warning_rule", rule.id, now, course_id=course_id, kind=kind.value)
    return rule


def disable_rule(db: Session, actor: Actor, rule_id: int, now: datetime) -> None:
    """Have a rule raise no more warnings; those it raised stay."""
    rule = db.get(WarningRule, rule_id)
    if rule is None:
        raise NotFoundError(f"there is no warning rule {rule_id}")
    require_course(db, actor, rule.course_id, lead=True)
    if rule.disabled_at is not None:
        raise NotFoundError(f"warning rule {rule_id} was deleted already")
    rule.disabled_at = now
    audit.record(db, actor, "warning_rule.disable", "warning_rule", rule.id, now, course_id=rule.course_id)


def list_warnings(
    db: Session, actor: Actor, course_id: int, *, unacknowledged: bool = False, cursor: str | None, limit: int
) -> Page[WarningSent]:
    """The warnings of the course, newest first. unacknowledged: only those that nobody has seen to."""
    require_course(db, actor, course_id)
    query = (
        select(WarningSent)
        .join(WarningSent.rule)
        .options(contains_eager(WarningSent.rule), joinedload(WarningSent.student))
        .where(WarningRule.course_id == course_id)
    )
    if unacknowledged:
        query = query.where(WarningSent.acknowledged_at.is_(None))
    return page_of(db, query, (WarningSent.id,), descending=True, cursor=cursor, limit=limit)


def acknowledge(db: Session, actor: Actor, warning_id: int, now: datetime) -> WarningSent:
    """Note that somebody saw to a warning. Who was first is kept."""
    query = select(WarningSent).options(joinedload(WarningSent.rule), joinedload(WarningSent.student))
    warning = db.scalar(query.where(WarningSent.id == warning_id).with_for_update(of=WarningSent))
    if warning is None:
        raise NotFoundError(f"there is no warning {warning_id}")
    require_course(db, actor, warning.rule.course_id, change=True)
    if warning.acknowledged_at is None:
        warning.acknowledged_at, warning.acknowledged_by = now, actor.user_id
        audit.record(db, actor, "warning.acknowledge", "warning", warning.id, now)
    return warning


def courses_settled_since(db: Session, since: datetime) -> Sequence[int]:
    """The ids of the courses with rules of which a session was settled at ``since`` or later."""
    query = (
        select(ClassSession.course_id)
        .join(Course, Course.id == ClassSession.course_id)
        .where(
            ClassSession.settled_at >= since,
            ClassSession.state.in_(SETTLED),
            Course.archived_at.is_(None),
            Course.id.in_(select(WarningRule.course_id).where(WarningRule.disabled_at.is_(None))),
        )
        .distinct()
        .order_by(ClassSession.course_id)
    )
    return db.scalars(query).all()


def evaluate(db: Session, course_id: int, now: datetime) -> list[WarningSent]:
    """Raise what is to be raised in a course, for those enrolled now. Doing it again, or in two processes at once,
    raises nothing twice."""
    # one at a time: what the other one raised is seen. Not the lock that would hold up new rows of the course
    course = db.scalar(select(Course).where(Course.id == course_id).with_for_update(key_share=True, of=Course))
    if course is None:
        return []
    rules = _active_rules(db, course_id)
    register = registers.read_one(db, course)
    sent = _occasions(db, rules)
    today, raised = local_day(now, course.timezone), []
    for student in register.students:
        if student.status is not StudentStatus.ACTIVE or not register.is_enrolled(student.id, today):
            continue
        for rule in rules:
            found = _spell(register, student.id, rule)
            if found is None:
                continue
            value, spell = found
            if sent.get((rule.id, student.id), set()).isdisjoint(spell):
                raised.append(
                    WarningSent(rule_id=rule.id, student_id=student.id, occasion=spell[0], value=value, at=now)
                )
    db.add_all(raised)
    db.flush()
    for warning in raised:
        audit.record(
            db,
            system_actor(),
            "warning.raise",
            "warning",
            warning.id,
            now,
            rule_id=warning.rule_id,
            student_id=warning.student_id,
        )
    return raised


def _active_rules(db: Session, course_id: int) -> Sequence[WarningRule]:
    query = select(WarningRule).where(WarningRule.course_id == course_id, WarningRule.disabled_at.is_(None))
    return db.scalars(query.order_by(WarningRule.id)).all()


def _occasions(db: Session, rules: Sequence[WarningRule]) -> dict[tuple[int, int], set[int]]:
    """(rule id, student id) -> after which sessions a warning was raised."""
    query = select(WarningSent.rule_id, WarningSent.student_id, WarningSent.occasion)
    found: dict[tuple[int, int], set[int]] = {}
    for rule_id, student_id, occasion in db.execute(query.where(WarningSent.rule_id.in_([rule.id for rule in rules]))):
        found.setdefault((rule_id, student_id), set()).add(occasion)
    return found


def _spell(register: Register, student_id: int, rule: WarningRule) -> tuple[float, list[int]] | None:
    """What is measured of a student who is under the rule now, and the ids of the sessions since which they have been
    without a break, first that which brought it about. None when they are not."""
    spell: list[int] = []
    marks: list[MarkStatus] = []
    value = None
    for session, status in zip(register.sessions, register.row(student_id), strict=True):
        if status is None:
            continue
        marks.append(status)
        value = _measured(marks, rule, register.course)
        if value is not None:
            spell.append(session.id)
        else:
            spell.clear()
    return (value, spell) if value is not None else None


def _measured(marks: Sequence[MarkStatus], rule: WarningRule, course: Course) -> float | None:
    """What the rule measures after ``marks``, when they are under it; else None."""
    if rule.kind is WarningKind.PERCENT_BELOW:
        percent = percentages.percent_of(marks, course)
        return percent if percentages.is_below(percent, rule.threshold) else None
    count = percentages.absences(marks)
    if rule.kind is WarningKind.ABSENCES_IN_A_ROW:
        count = percentages.absences_in_a_row(marks)
    return float(count) if count >= rule.threshold else None
