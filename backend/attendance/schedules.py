"""When courses meet: rules that recur, and the sessions made from them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta

from sqlalchemy import delete, exists, select, update
from sqlalchemy.orm import Session, joinedload

from attendance import audit
from attendance.access import require_course
from attendance.actor import Actor
from attendance.days import moment_of
from attendance.models import AttendanceRecord, ClassSession, Course, ScheduleRule, SessionState
from attendance.recurrence import days_of, normalised
from attendance.states import require_running
from errors import ConflictError, InvalidRequestError, NotFoundError

_MOST_SESSIONS = 400
# A rule is for a term; two years leave room for the longest course.
_LONGEST = timedelta(days=731)


@dataclass(frozen=True, slots=True)
class Scheduled:
    """A rule, and how many sessions were made and taken away with the last change of it."""

    rule: ScheduleRule
    made: int = 0
    removed: int = 0


def list_rules(db: Session, actor: Actor, course_id: int) -> Sequence[Scheduled]:
    """The rules of the course, by their first day."""
    require_course(db, actor, course_id)
    query = select(ScheduleRule).where(ScheduleRule.course_id == course_id)
    return [Scheduled(rule) for rule in db.scalars(query.order_by(ScheduleRule.starts_on, ScheduleRule.id))]


def create_rule(
    db: Session,
    actor: Actor,
    course_id: int,
    *,
    rrule: str,
    starts_on: date,
    ends_on: date,
    start_time: time,
    duration_s: int,
    late_after_s: int | None = None,
    excluded: Sequence[date] = (),
    now: datetime,
) -> Scheduled:
    """A rule by which the course meets, and its sessions. Raises InvalidRequestError for a rule that cannot be used,
    gives no day, or too many; ConflictError when the course has the very same one."""
    course = require_course(db, actor, course_id, lead=True)
    require_running(course)
    if ends_on < starts_on:
        raise _invalid("ends_on", "is before starts_on", code="dates")
    if ends_on - starts_on > _LONGEST:
        raise _invalid("ends_on", "is more than two years after starts_on; make a rule for each term", code="dates")
    rule = ScheduleRule(
        course=course,
        rrule=normalised(rrule),
        starts_on=starts_on,
        ends_on=ends_on,
        start_time=start_time,
        duration_s=duration_s,
        late_after_s=late_after_s,
        excluded=sorted({day.isoformat() for day in excluded}),
        created_at=now,
    )
    # two clicks, or two leads at once: the second finds what the first made
    db.scalar(select(Course.id).where(Course.id == course_id).with_for_update())
    with db.no_autoflush:
        _refuse_twin(db, rule)
    days = _days(rule)
    if not days:
        raise _invalid("rrule", "gives no day between starts_on and ends_on that is not excluded")
    db.add(rule)
    db.flush()
    made = _make_sessions(db, rule, days, now)
    audit.record(db, actor, "schedule.create", "schedule_rule", rule.id, now, course_id=course_id, sessions=made)
    return Scheduled(rule, made)


def change_days(
    db: Session, actor: Actor, rule_id: int, *, to_exclude: Sequence[date], to_include: Sequence[date], now: datetime
) -> Scheduled:
    """Exclude days from a rule (holidays), or include again some that were. A session on an excluded day goes if it
    is to come and nobody touched it."""
    rule = _require_rule(db, actor, rule_id)
    excluded = {date.fromisoformat(day) for day in rule.excluded}
    rule.excluded = sorted(day.isoformat() for day in (excluded | set(to_exclude)) - set(to_include))
    db.flush()
    removed = _remove_untouched(db, rule_id, now, set(to_exclude) - set(to_include))
    made = _make_sessions(db, rule, _days(rule), now)
    audit.record(db, actor, "schedule.update", "schedule_rule", rule_id, now, made=made, removed=removed)
    return Scheduled(rule, made, removed)


def delete_rule(db: Session, actor: Actor, rule_id: int, now: datetime) -> None:
    """Delete a rule and those of its sessions that are to come and that nobody touched; the others stay."""
    rule = _require_rule(db, actor, rule_id)
    removed = _remove_untouched(db, rule_id, now)
    db.execute(update(ClassSession).where(ClassSession.schedule_rule_id == rule_id).values(schedule_rule_id=None))
    db.delete(rule)
    audit.record(db, actor, "schedule.delete", "schedule_rule", rule_id, now, removed=removed)


def _require_rule(db: Session, actor: Actor, rule_id: int) -> ScheduleRule:
    query = select(ScheduleRule).where(ScheduleRule.id == rule_id).options(joinedload(ScheduleRule.course))
    rule = db.scalar(query.with_for_update(of=ScheduleRule))
    if rule is None:
        raise NotFoundError(f"there is no schedule rule {rule_id}")
    require_course(db, actor, rule.course_id, lead=True)
    return rule


def _refuse_twin(db: Session, rule: ScheduleRule) -> None:
    query = select(ScheduleRule.id).where(
        ScheduleRule.course_id == rule.course.id,
        ScheduleRule.rrule == rule.rrule,
        ScheduleRule.starts_on == rule.starts_on,
        ScheduleRule.ends_on == rule.ends_on,
        ScheduleRule.start_time == rule.start_time,
    )
    twin = db.scalar(query.limit(1))
    if twin is not None:
        raise ConflictError(f"the course meets by this rule already; it is rule {twin}", code="duplicate")


def _days(rule: ScheduleRule) -> list[date]:
    """The days on which the rule has a session."""
    days = days_of(rule.rrule, rule.starts_on, rule.ends_on, most=_MOST_SESSIONS)
    excluded = set(rule.excluded)
    return [day for day in days if day.isoformat() not in excluded]


def _make_sessions(db: Session, rule: ScheduleRule, days: Sequence[date], now: datetime) -> int:
    """Make the sessions that are not there yet; how many."""
    there = set(db.scalars(select(ClassSession.rule_date).where(ClassSession.schedule_rule_id == rule.id)))
    late_after_s = rule.course.late_after_s if rule.late_after_s is None else rule.late_after_s
    missing = [day for day in days if day not in there]
    for day in missing:
        starts_at = moment_of(day, rule.start_time, rule.course.timezone)
        db.add(
            ClassSession(
                course_id=rule.course_id,
                schedule_rule_id=rule.id,
                rule_date=day,
                starts_at=starts_at,
                ends_at=starts_at + timedelta(seconds=rule.duration_s),
                late_after=starts_at + timedelta(seconds=late_after_s),
                created_at=now,
            )
        )
    db.flush()
    return len(missing)


def _remove_untouched(db: Session, rule_id: int, now: datetime, days: set[date] | None = None) -> int:
    """Delete the sessions of the rule (days: only on these) that are to come and as they were made; how many."""
    query = select(ClassSession).where(
        ClassSession.schedule_rule_id == rule_id,
        ClassSession.state == SessionState.SCHEDULED,
        ClassSession.starts_at > now,
        ClassSession.version == 1,
        ~exists().where(AttendanceRecord.session_id == ClassSession.id),
    )
    found = db.scalars(query.order_by(ClassSession.id).with_for_update(of=ClassSession)).all()
    going = [session.id for session in found if days is None or session.rule_date in days]
    db.execute(delete(ClassSession).where(ClassSession.id.in_(going)))
    return len(going)


def _invalid(field: str, message: str, code: str = "rrule") -> InvalidRequestError:
    return InvalidRequestError(f"{field} {message}", code=code, errors=[{"field": field, "message": message}])
