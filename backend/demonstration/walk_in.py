"""The class walks in: the demo's clip, frame by frame, as an instructor's camera sends it, and the filling sheet."""

from __future__ import annotations

import json
import secrets
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from demonstration.cast import INSTRUCTOR, LASTS, MAIN_COURSE
from demonstration.client import Client
from errors import ConfigurationError, ConflictError, NotFoundError

Say = Callable[[str], None]

_NAMED = frozenset({"accepted", "duplicate"})
_SOON = timedelta(minutes=5)


@dataclass(frozen=True, slots=True)
class Frame:
    """in_view: external ids of those who can be seen in it."""

    path: Path
    in_view: frozenset[str]


@dataclass(frozen=True, slots=True)
class Clip:
    """fps: frames a second. people: external id -> name, strangers included."""

    fps: float
    people: Mapping[str, str]
    frames: tuple[Frame, ...]

    @classmethod
    def read(cls, folder: Path) -> Clip:
        """The clip in ``folder``. Raises ConfigurationError when there is none."""
        try:
            content = json.loads((folder / "clip.json").read_bytes())
            frames = tuple(Frame(folder / each["file"], frozenset(each["in_view"])) for each in content["frames"])
            return cls(float(content["fps"]), dict(content["people"]), frames)
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise ConfigurationError(f"there is no clip in {folder}; start the demo first, which draws it") from error


@dataclass(slots=True)
class Outcome:
    """marked: students with a mark at the end, of ``enrolled``. unknown: faces that were given no name, over all
    frames. asked: what there is to review now. wrong: (frame, name) of names given to nobody in view."""

    enrolled: int = 0
    marked: int = 0
    unknown: int = 0
    asked: set[int] = field(default_factory=set)
    wrong: list[tuple[int, str]] = field(default_factory=list)

    @property
    def is_complete(self) -> bool:
        return self.marked == self.enrolled and not self.wrong


@dataclass(slots=True)
class WalkIn:
    """password: of the instructor."""

    client: Client
    password: str
    clip: Clip
    say: Say
    _outcome: Outcome = field(default_factory=Outcome)

    def run(self, *, close: bool = False, again: bool = False) -> Outcome:
        """Log in, open today's session and send the clip to it. close: end the session afterwards. again: end one in
        which everybody is marked, and take another. Raises SmartAttendanceError."""
        self.client.log_in(INSTRUCTOR.email, self.password)
        session = self._opened(again)
        self.say(
            f"{INSTRUCTOR.name} has opened {session['course_title']}, and the class walks in: "
            f"{len(self.clip.frames)} frames, {len(self.clip.frames) / self.clip.fps:.0f} seconds."
        )
        self._send(session["id"])
        self._conclude(self._sheet(session["id"]))
        if close:
            self.client.post(f"sessions/{session['id']}/close")
            self.say("The session is closed; whoever was not seen is absent once no frame can come any more.")
        else:
            self.say("The session is still open: somebody who was missed can be marked by hand, or close it.")
        return self._outcome

    def _opened(self, again: bool) -> Mapping[str, Any]:
        """The session to walk into, open."""
        today = self.client.get("sessions/today")
        ours = [
            each["session"]
            for each in (*today["open"], *today["today"])
            if each["session"]["course_code"] == MAIN_COURSE
        ]
        for session in ours:
            if session["state"] == "open":
                if self._unmarked(self._sheet(session["id"])):
                    return dict(session)
                if not again:
                    raise ConflictError(
                        "everybody is marked in this session already; run it with --again to end it and take another"
                    )
                self.client.post(f"sessions/{session['id']}/close")
        scheduled = next((session for session in ours if session["state"] == "scheduled"), None)
        session = self._moved(scheduled) if scheduled else self._made()
        return dict(self.client.post(f"sessions/{session['id']}/open"))

    def _moved(self, session: Mapping[str, Any]) -> Mapping[str, Any]:
        """The session, moved to this moment when those who come now would be late."""
        if datetime.fromisoformat(session["late_after"]) > datetime.now(UTC) + _SOON:
            return session
        return dict(self.client.patch(f"sessions/{session['id']}", _times()))

    def _made(self) -> Mapping[str, Any]:
        for course in self.client.get("courses")["items"]:
            if course["code"] == MAIN_COURSE:
                return dict(self.client.post(f"courses/{course['id']}/sessions", _times()))
        raise NotFoundError(f"{INSTRUCTOR.name} has no course {MAIN_COURSE} on this server; is it the demo's?")

    def _send(self, session_id: int) -> None:
        """Each frame at its time. Where the server is slower than the camera they come later, and count at their
        time all the same."""
        run, begun = secrets.token_hex(4), datetime.now(UTC)
        for number, frame in enumerate(self.clip.frames, start=1):
            at = begun + timedelta(seconds=number / self.clip.fps)
            time.sleep(max(0.0, (at - datetime.now(UTC)).total_seconds()))
            answer = self.client.send_frame(session_id, f"walk-in-{run}-{number}", frame.path.read_bytes(), at)
            self._take_in(number, frame.in_view, answer)

    def _take_in(self, number: int, in_view: frozenset[str], answer: Mapping[str, Any]) -> None:
        outcome = self._outcome
        for face in answer["faces"]:
            outcome.unknown += face["decision"] == "unknown"
            if face["review_item_id"] is not None:
                outcome.asked.add(face["review_item_id"])
            named = face["student"]["external_id"] if face["decision"] in _NAMED and face["student"] else None
            if named is not None and named not in in_view:
                outcome.wrong.append((number, face["student"]["name"]))
        tally, at = answer["tally"], datetime.fromisoformat(answer["captured_at"]).astimezone()
        before = tally["enrolled"] - tally["unmarked"] - len(answer["changes"])
        for marked, change in enumerate(answer["changes"], start=before + 1):
            self.say(
                f"  {at:%H:%M:%S}  {change['new']:8}  {change['student']['name']:24} {marked} of {tally['enrolled']}"
            )

    def _sheet(self, session_id: int) -> Mapping[str, Any]:
        return dict(self.client.get(f"sessions/{session_id}/records"))

    def _unmarked(self, sheet: Mapping[str, Any]) -> int:
        return int(sheet["counts"]["unmarked"])

    def _conclude(self, sheet: Mapping[str, Any]) -> None:
        outcome, rows = self._outcome, sheet["items"]
        outcome.enrolled, outcome.marked = len(rows), len(rows) - self._unmarked(sheet)
        self.say("The sheet:")
        for row in rows:
            seen = row["first_seen_at"]
            at = f"{datetime.fromisoformat(seen).astimezone():%H:%M:%S}" if seen else ""
            self.say(
                f"  {row['student']['external_id']:5} {row['student']['name']:24} {row['status']:10} {at}".rstrip()
            )
        students = {row["student"]["external_id"] for row in rows}
        strangers = [name for who, name in self.clip.people.items() if who not in students]
        self.say(f"{outcome.marked} of {outcome.enrolled} students are marked.")
        self.say(
            f"{len(strangers)} strangers came with them: {', '.join(strangers)}. Over all frames\n"
            f"{outcome.unknown} faces stayed unknown, {len(outcome.asked) or 'none'} were left to a person, and "
            f"{len(outcome.wrong) or 'none'} got the name of somebody who was not there."
        )


def _times() -> dict[str, str]:
    """Of a session that begins now, in which nobody is late."""
    now = datetime.now(UTC).replace(second=0, microsecond=0)
    return {
        "starts_at": now.isoformat(),
        "ends_at": (now + LASTS).isoformat(),
        "late_after": (now + LASTS).isoformat(),
    }
