"""Who is asking: taken from the login or the token, never from what the request says."""

from __future__ import annotations

from dataclasses import dataclass

from attendance.models import Role


@dataclass(frozen=True, slots=True)
class Actor:
    """user_id: None for the server itself (closing sessions, retention). scopes: what a program's token allows; None
    for a person in a browser, whom only the role limits. request_id: of the request, for the audit trail.
    may_create_courses: see ``UserAccount``. sender: what sends, of which one account may have several: a login, a token
    or a kiosk; each is a camera of its own."""

    user_id: int | None
    role: Role
    name: str = ""
    email: str = ""
    scopes: frozenset[str] | None = None
    request_id: str | None = None
    may_create_courses: bool = False
    sender: str = ""

    @property
    def is_admin(self) -> bool:
        return self.role is Role.ADMIN


def system_actor(request_id: str | None = None) -> Actor:
    """The server acting by itself."""
    return Actor(user_id=None, role=Role.ADMIN, name="SmartAttendance", request_id=request_id)
