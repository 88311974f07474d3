"""One-time links: how the first admin is made, and how people choose a password, so that none is ever handed on."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import delete, or_, select
from sqlalchemy.orm import Session

from attendance import audit, logins, passwords
from attendance.accounts import actor_of, create_user, has_admin, require_user, revoke_given_out
from attendance.actor import Actor, system_actor
from attendance.database import Database
from attendance.models import LinkPurpose, OneTimeLink, Role, UserAccount
from attendance.secrets_kept import new_secret, sha256_of
from errors import ConflictError, InvalidRequestError, NotFoundError

LASTS: Mapping[LinkPurpose, timedelta] = {
    LinkPurpose.SETUP: timedelta(hours=24),
    LinkPurpose.INVITE: timedelta(hours=72),
    LinkPurpose.RESET: timedelta(hours=2),
}


@dataclass(frozen=True, slots=True)
class NewLink:
    """secret: of the link, which only whoever is to use it may see."""

    secret: str
    purpose: LinkPurpose
    expires_at: datetime


@dataclass(frozen=True, slots=True)
class LinkView:
    """What somebody who has a link may know before using it. email, name: None for the setup of the server."""

    purpose: LinkPurpose
    expires_at: datetime
    email: str | None
    name: str | None


def make_setup_link(db: Session, actor: Actor, now: datetime) -> NewLink:
    """A link that makes the first admin. Raises ConflictError when there is one."""
    if has_admin(db):
        raise ConflictError("the server has an admin already", code="has_admin")
    return _make(db, actor, LinkPurpose.SETUP, None, now)


def make_password_link(db: Session, actor: Actor, user_id: int, now: datetime) -> NewLink:
    """A link with which a user chooses a password: the first one, or another when it is lost. Raises NotFoundError,
    ConflictError for a user who is disabled."""
    user = require_user(db, user_id)
    if user.disabled_at is not None:
        raise ConflictError("this user is disabled; enable the account first", code="disabled")
    purpose = LinkPurpose.INVITE if user.password_hash is None else LinkPurpose.RESET
    return _make(db, actor, purpose, user_id, now)


def view_link(db: Session, secret: str, now: datetime) -> LinkView:
    """What the link is for. Raises NotFoundError when it is not, or no longer, good."""
    link, user = _usable(db, secret, now)
    return LinkView(link.purpose, link.expires_at, user.email if user else None, user.name if user else None)


def redeem(
    database: Database,
    secret: str,
    password: str,
    now: datetime,
    *,
    email: str | None,
    name: str | None,
    lasts: timedelta,
    request_id: str,
) -> tuple[Actor, str]:
    """Choose a password with the link, which is then used up; every earlier login of the user is over. Who that is,
    and the secret of a new login, which ``lasts`` that long.

    email, name: of the first admin, for the setup of the server; else None. Raises NotFoundError when the link is not,
    or no longer, good, InvalidRequestError for a weak password.
    """
    with database.reading() as db:
        link, user = _usable(db, secret, now)
    if user is not None:
        email, name = _known(user, email, name)
    elif not email or not name:
        missing = [field for field, value in (("email", email), ("name", name)) if not value]
        raise InvalidRequestError(
            "the first admin needs an e-mail address and a name",
            errors=[{"field": field, "message": "is needed to set up the server"} for field in missing],
        )
    passwords.check_strength(password, email=email, name=name, field="password")
    hashed = passwords.hash_of(password)  # slow, so no transaction is open meanwhile
    with database.writing() as db:
        link, user = _usable(db, secret, now, lock=True)
        link.used_at = now
        if user is None:
            values = {"email": email, "name": name, "role": Role.ADMIN}
            user = create_user(db, system_actor(request_id), values, now)
        user.password_hash = hashed
        logins.end_all(db, user.id)
        if link.purpose is LinkPurpose.RESET:
            # somebody else may have had the password, and made these
            revoke_given_out(db, user.id, now)
        same = OneTimeLink.user_id == user.id if link.user_id else OneTimeLink.user_id.is_(None)
        db.execute(delete(OneTimeLink).where(same, OneTimeLink.id != link.id))
        actor = actor_of(user, None, request_id)
        audit.record(db, actor, "link.use", "user", user.id, now, purpose=str(link.purpose))
        return actor, logins.begin(db, actor, now, lasts=lasts)


def _known(user: UserAccount, email: str | None, name: str | None) -> tuple[str, str]:
    given = [field for field, value in (("email", email), ("name", name)) if value is not None]
    if given:
        raise InvalidRequestError(
            "only the link that sets up the server takes an e-mail address and a name",
            errors=[{"field": field, "message": "is known already"} for field in given],
        )
    return user.email, user.name


def _make(db: Session, actor: Actor, purpose: LinkPurpose, user_id: int | None, now: datetime) -> NewLink:
    same = OneTimeLink.user_id == user_id if user_id is not None else OneTimeLink.user_id.is_(None)
    replaced = (OneTimeLink.purpose == purpose) & same
    db.execute(delete(OneTimeLink).where(or_(replaced, OneTimeLink.expires_at <= now)))
    secret, expires_at = new_secret(), now + LASTS[purpose]
    db.add(
        OneTimeLink(
            secret_sha256=sha256_of(secret), purpose=purpose, user_id=user_id, created_at=now, expires_at=expires_at
        )
    )
    audit.record(db, actor, "link.create", "user", user_id or "first_admin", now, purpose=str(purpose))
    return NewLink(secret, purpose, expires_at)


def _usable(db: Session, secret: str, now: datetime, *, lock: bool = False) -> tuple[OneTimeLink, UserAccount | None]:
    """The link with its user, None for the setup. lock: hold it until the transaction ends: two who use it at once
    must not both succeed."""
    query = select(OneTimeLink).where(OneTimeLink.secret_sha256 == sha256_of(secret))
    link = db.scalar(query.with_for_update().execution_options(populate_existing=True) if lock else query)
    if link is None or link.used_at is not None or link.expires_at <= now:
        raise _refusal()
    if link.user_id is None:
        if has_admin(db):
            raise _refusal()
        return link, None
    locking = {"key_share": True} if lock else None
    user = db.get(UserAccount, link.user_id, with_for_update=locking)
    if user is None or user.disabled_at is not None:
        raise _refusal()
    return link, user


def _refusal() -> NotFoundError:
    return NotFoundError(
        "this link is used up, too old, or was replaced by a newer one; ask for another", code="bad_link"
    )
