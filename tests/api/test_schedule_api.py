"""Schedules and the sessions made from them, across the changes of daylight saving time, through the API."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from dateutil.rrule import rrulestr

from attendance import recurrence
from attendance.models import AuditEvent, ClassSession, ScheduleRule
from support.service import Client, Service, problem, utc

TERM = {"starts_on": "2026-11-23", "ends_on": "2026-12-06", "start_time": "09:15", "duration_s": 5400}


def course_of(service: Service, **values: Any) -> tuple[int, Client]:
    lead = service.user()
    return service.course(leads=(lead,), **values), service.program(lead)


def starts(client: Client, course: int) -> list[datetime]:
    items = client.get(f"/sessions?course_id={course}&limit=500").json["items"]
    return [datetime.fromisoformat(item["starts_at"]) for item in items]


def days(client: Client, course: int) -> list[str]:
    return [f"{moment:%m-%d}" for moment in starts(client, course)]


def test_a_rule_makes_its_sessions(service: Service) -> None:
    course, client = course_of(service, late_after_s=300)
    made = client.post(
        f"/courses/{course}/schedule", json={**TERM, "weekdays": ["WE", "MO"], "excluded": ["2026-11-25"]}
    )
    assert made.status_code == 201
    assert {**TERM, "rrule": "FREQ=WEEKLY;BYDAY=MO,WE", "excluded": ["2026-11-25"]}.items() <= made.json.items()
    assert (made.json["sessions_made"], made.json["sessions_removed"]) == (3, 0)
    assert client.get(f"/courses/{course}/schedule").json == [{**made.json, "sessions_made": 0}]
    first, *_ = client.get(f"/sessions?course_id={course}").json["items"]
    assert first["starts_at"] == "2026-11-23T08:15:00+00:00" and first["ends_at"] == "2026-11-23T09:45:00+00:00"
    assert (first["late_after"], first["rule_date"]) == ("2026-11-23T08:20:00+00:00", "2026-11-23")
    assert (first["schedule_rule_id"], first["state"]) == (made.json["id"], "scheduled")
    assert days(client, course) == ["11-23", "11-30", "12-02"]


def test_the_rules_own_limit_goes_before_the_courses(service: Service) -> None:
    course, client = course_of(service)
    client.post(f"/courses/{course}/schedule", json={**TERM, "weekdays": ["MO"], "late_after_s": 0})
    item = client.get(f"/sessions?course_id={course}").json["items"][0]
    assert item["late_after"] == item["starts_at"]


@pytest.mark.parametrize(
    ("rrule", "expected"),
    [
        ("FREQ=WEEKLY;BYDAY=FR", ["11-27", "12-04"]),
        ("freq=weekly; interval=2; byday=tu", ["11-24"]),
        ("FREQ=DAILY;INTERVAL=5", ["11-23", "11-28", "12-03"]),
        ("FREQ=DAILY;BYDAY=SA,SU", ["11-28", "11-29", "12-05", "12-06"]),
        ("FREQ=MONTHLY;BYMONTHDAY=1,-1", ["11-30", "12-01"]),
        ("FREQ=MONTHLY;BYDAY=1MO,-1FR", ["11-27"]),
        ("FREQ=MONTHLY;BYDAY=MO,TU,WE,TH,FR;BYSETPOS=-1", ["11-30"]),
        ("RRULE:FREQ=WEEKLY;", ["11-23", "11-30"]),
        ("FREQ=DAILY;BYMONTH=12;BYDAY=WE", ["12-02"]),
    ],
)
def test_rules_of_rfc_5545(sqlite_service: Service, rrule: str, expected: list[str]) -> None:
    course, client = course_of(sqlite_service)
    assert client.post(f"/courses/{course}/schedule", json={**TERM, "rrule": rrule}).status_code == 201
    assert days(client, course) == expected


@pytest.mark.parametrize(
    "rrule",
    [
        "weekly",
        "BYDAY=MO",
        "FREQ=YEARLY",
        "FREQ=HOURLY",
        "FREQ=WEEKLY;FREQ=DAILY",
        "FREQ=WEEKLY;COUNT=3",
        "FREQ=WEEKLY;UNTIL=20261201T000000Z",
        "DTSTART=20261101T000000;FREQ=WEEKLY",
        "DTSTART:20261101T000000\nRRULE:FREQ=WEEKLY",
        "FREQ=WEEKLY;INTERVAL=0",
        "FREQ=WEEKLY;INTERVAL=-1",
        "FREQ=WEEKLY;BYDAY=XX",
        "FREQ=WEEKLY;BYDAY=",
        "FREQ=WEEKLY;BYDAY=2MO",
        "FREQ=WEEKLY;BYMONTHDAY=1",
        "FREQ=DAILY;BYHOUR=1,2",
        "FREQ=MONTHLY;BYMONTHDAY=32",
        "FREQ=MONTHLY;BYMONTHDAY=0",
        "FREQ=MONTHLY;BYSETPOS=1",
        "FREQ=MONTHLY;BYMONTHDAY=31;BYMONTH=2",
    ],
)
def test_rules_that_cannot_be_used_are_refused(sqlite_service: Service, rrule: str) -> None:
    course, client = course_of(sqlite_service)
    answer = client.post(f"/courses/{course}/schedule", json={**TERM, "rrule": rrule})
    assert answer.status_code == 422
    assert answer.json["errors"][0]["field"] == "rrule"
    assert client.get(f"/courses/{course}/schedule").json == [] and starts(client, course) == []


def test_what_makes_no_sense_is_refused(service: Service) -> None:
    course, client = course_of(service)

    def post(**values: Any) -> tuple[int, str]:
        return problem(client.post(f"/courses/{course}/schedule", json={**TERM, "weekdays": ["MO"], **values}))

    assert post(ends_on="2026-11-22") == (422, "dates")
    assert post(ends_on="2028-11-24") == (422, "dates")
    assert post(rrule="FREQ=WEEKLY") == (422, "invalid")
    assert post(weekdays=[]) == (422, "invalid")
    assert post(weekdays=["MO"], excluded=["2026-11-23", "2026-11-30"]) == (422, "rrule")
    for wrong in ("24:00", "9:15", "09:15:00+01:00", 915, None):
        assert post(start_time=wrong) == (422, "invalid")
    assert post(duration_s=0) == post(duration_s=90000) == (422, "invalid")
    assert problem(client.post(f"/courses/{course}/schedule", json=TERM)) == (422, "invalid")
    every_day = {**TERM, "starts_on": "2026-01-01", "ends_on": "2027-02-04", "rrule": "FREQ=DAILY"}
    assert client.post(f"/courses/{course}/schedule", json=every_day).json["sessions_made"] == 400
    one_more = {**every_day, "ends_on": "2027-02-05"}
    assert problem(client.post(f"/courses/{course}/schedule", json=one_more)) == (422, "rrule")


@pytest.mark.parametrize(
    ("timezone", "from_day", "to_day", "before", "after"),
    [
        ("Europe/Berlin", "2026-10-19", "2026-10-31", 7, 8),  # autumn: the 25th of October
        ("Europe/Berlin", "2027-03-22", "2027-04-03", 8, 7),  # spring: the 28th of March
        ("America/New_York", "2026-10-26", "2026-11-07", 13, 14),  # autumn: the 1st of November
        ("America/New_York", "2027-03-08", "2027-03-20", 14, 13),  # spring: the 14th of March
    ],
)
def test_the_wall_clock_stays_when_the_clocks_change(
    service: Service, timezone: str, from_day: str, to_day: str, before: int, after: int
) -> None:
    course, client = course_of(service, timezone=timezone)
    body = {**TERM, "starts_on": from_day, "ends_on": to_day, "weekdays": ["MO", "TU"]}
    assert client.post(f"/courses/{course}/schedule", json=body).json["sessions_made"] == 4
    made = starts(client, course)
    assert [moment.hour for moment in made] == [before, before, after, after]
    assert {f"{moment.astimezone(ZoneInfo(timezone)):%H:%M}" for moment in made} == {"09:15"}
    with service.db() as db:
        lengths = {session.ends_at - session.starts_at for session in db.query(ClassSession)}
    assert lengths == {timedelta(minutes=90)}


def test_a_time_that_the_clocks_skip_and_one_that_they_show_twice(service: Service) -> None:
    course, client = course_of(service)
    for day in ("2027-03-28", "2026-10-25"):
        body = {**TERM, "starts_on": day, "ends_on": day, "rrule": "FREQ=DAILY", "start_time": "02:30"}
        assert client.post(f"/courses/{course}/schedule", json=body).status_code == 201
    # the first of the two in autumn; in spring an hour later on the wall
    assert starts(client, course) == [utc(2026, 10, 25, 0, 30), utc(2027, 3, 28, 1, 30)]


def test_the_same_rule_twice_is_refused_also_at_once(service: Service) -> None:
    course, client = course_of(service)
    body = {**TERM, "weekdays": ["MO"]}
    with ThreadPoolExecutor(2) as pool:
        answers = list(pool.map(lambda _: client.post(f"/courses/{course}/schedule", json=body), range(2)))
    assert sorted(answer.status_code for answer in answers) == [201, 409]
    assert problem(client.post(f"/courses/{course}/schedule", json=body)) == (409, "duplicate")
    assert days(client, course) == ["11-23", "11-30"]


def test_holidays_take_sessions_away_and_give_them_back(service: Service) -> None:
    course, client = course_of(service)
    rule = client.post(f"/courses/{course}/schedule", json={**TERM, "weekdays": ["TU", "TH"]}).json["id"]
    assert days(client, course) == ["11-24", "11-26", "12-01", "12-03"]
    touched = client.get(f"/sessions?course_id={course}").json["items"][2]["id"]
    client.patch(f"/sessions/{touched}", json={"title": "Exam"}, headers={"If-Match": "*"})
    changed = client.patch(f"/schedule/{rule}", json={"exclude": ["2026-11-26", "2026-12-01", "2026-12-25"]}).json
    assert (changed["sessions_made"], changed["sessions_removed"]) == (0, 1)
    assert changed["excluded"] == ["2026-11-26", "2026-12-01", "2026-12-25"]
    assert days(client, course) == ["11-24", "12-01", "12-03"]
    again = client.patch(f"/schedule/{rule}", json={"include": ["2026-11-26", "2026-12-01"]}).json
    assert (again["sessions_made"], again["excluded"]) == (1, ["2026-12-25"])
    assert days(client, course) == ["11-24", "11-26", "12-01", "12-03"]
    assert client.patch(f"/schedule/{rule}", json={}).json["sessions_made"] == 0


def test_deleting_a_rule_leaves_what_was_and_what_somebody_touched(service: Service) -> None:
    course, client = course_of(service)
    rule = client.post(f"/courses/{course}/schedule", json={**TERM, "weekdays": ["MO", "TU", "WE", "TH"]}).json["id"]
    items = client.get(f"/sessions?course_id={course}").json["items"]
    service.clock.set(utc(2026, 11, 25, 8))
    client.post(f"/sessions/{items[2]['id']}/open")  # Wednesday, before it begins
    client.post(f"/sessions/{items[4]['id']}/cancel", json={"reason": "conference"})
    client.patch(f"/sessions/{items[5]['id']}", json={"title": "Exam"}, headers={"If-Match": "*"})
    assert client.delete(f"/schedule/{rule}").status_code == 204
    assert days(client, course) == ["11-23", "11-24", "11-25", "11-30", "12-01"]
    assert client.get(f"/courses/{course}/schedule").json == []
    assert problem(client.delete(f"/schedule/{rule}")) == (404, "not_found")
    with service.db() as db:
        assert db.query(ScheduleRule).count() == 0
        actions = [event.action for event in db.query(AuditEvent).filter_by(object_type="schedule_rule")]
    assert actions == ["schedule.create", "schedule.delete"]


def test_only_a_lead_changes_the_schedule(service: Service) -> None:
    course, lead = course_of(service)
    assistant = service.user()
    service.staff(course, assistant)
    rule = lead.post(f"/courses/{course}/schedule", json={**TERM, "weekdays": ["MO"]}).json["id"]
    client, foreign = service.program(assistant), service.program(service.user())
    assert len(client.get(f"/courses/{course}/schedule").json) == 1
    for caller, code in ((client, "not_lead"), (foreign, "foreign_course")):
        body = {**TERM, "weekdays": ["TU"]}
        assert problem(caller.post(f"/courses/{course}/schedule", json=body)) == (403, code)
        assert problem(caller.patch(f"/schedule/{rule}", json={"exclude": ["2026-11-23"]})) == (403, code)
        assert problem(caller.delete(f"/schedule/{rule}")) == (403, code)
    assert problem(foreign.get(f"/courses/{course}/schedule")) == (403, "foreign_course")
    lead.post(f"/courses/{course}/archive")
    assert problem(lead.post(f"/courses/{course}/schedule", json={**TERM, "weekdays": ["TU"]})) == (
        409,
        "course_archived",
    )


def test_moments_are_told_in_utc(service: Service) -> None:
    course, client = course_of(service, timezone="Asia/Kathmandu")
    client.post(f"/courses/{course}/schedule", json={**TERM, "weekdays": ["MO"], "start_time": "00:00"})
    assert starts(client, course)[0] == datetime(2026, 11, 22, 18, 15, tzinfo=UTC)


@pytest.mark.parametrize(
    "rrule",
    [
        "FREQ=DAILY;BYDAY=MO,TU,WE,TH,FR,SA,SU;BYSETPOS=" + ",".join(["-9"] * 31),
        "FREQ=DAILY;BYMONTH=2;BYMONTHDAY=30,31",
        "FREQ=WEEKLY;BYDAY=MO;BYSETPOS=2",
        "FREQ=MONTHLY;BYDAY=5MO;BYMONTHDAY=1,2,3;INTERVAL=99",
    ],
)
def test_a_rule_that_never_comes_true_is_looked_at_for_its_own_days_only(
    sqlite_service: Service, monkeypatch: pytest.MonkeyPatch, rrule: str
) -> None:
    looked, is_meant = [], recurrence._is_meant
    monkeypatch.setattr(recurrence, "_is_meant", lambda *args: looked.append(args[1]) or is_meant(*args))
    course, client = course_of(sqlite_service)
    body = {**TERM, "ends_on": "2028-11-20", "rrule": rrule}
    assert problem(client.post(f"/courses/{course}/schedule", json=body)) == (422, "rrule")
    assert 0 < len(looked) <= 740


def test_positions_and_days_are_counted_as_the_standard_does() -> None:
    first, last = date(2026, 1, 15), date(2027, 12, 31)
    rules = [
        "FREQ=MONTHLY;BYDAY=MO,TU,WE,TH,FR;BYSETPOS=-1",
        "FREQ=MONTHLY;BYDAY=2TU,-1FR;INTERVAL=2",
        "FREQ=MONTHLY;BYMONTHDAY=-1,15;BYMONTH=2,12",
        "FREQ=MONTHLY;BYDAY=FR;BYMONTHDAY=13",
        "FREQ=WEEKLY;INTERVAL=2;BYDAY=TU,SU;WKST=SU",
        "FREQ=DAILY;BYMONTHDAY=31,-31",
        "FREQ=MONTHLY",
    ]
    for rule in rules:
        theirs = rrulestr(f"{rule};UNTIL=20271231T000000", dtstart=datetime(2026, 1, 15))
        assert recurrence.days_of(rule, first, last, most=1000) == [each.date() for each in theirs], rule
