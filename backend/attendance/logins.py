"""Browsers that are logged in: how a login begins and what ends it."""

from __future__ import annotations

import logging
from datetime import datetime, timedelta

from sqlalchemy import delete
from sqlalchemy.orm import Session

from attendance import audit, passwords
from attendance.accounts import actor_of, user_by_email
from attendance.actor import Actor
from attendance.database import Database
from attendance.models import LinkPurpose, Login, OneTimeLink, UserAccount
from attendance.secrets_kept import new_secret, sha256_of
from errors import AuthenticationError, ConflictError, InvalidRequestError

_logger = logging.getLogger(__name__)


def log_in(
    database: Database, email: str, password: str, now: datetime, *, lasts: timedelta, request_id: str
) -> tuple[Actor, str]:
    """Whose e-mail address and password these are, and the secret for the browser to carry.

    Raises AuthenticationError, the same and after about the same time, for an address nobody has, a wrong password,
    a user who is disabled and one who has no password yet.
    """
    with database.reading() as db:
        user = user_by_email(db, email)
        kept = user.password_hash if user is not None and user.disabled_at is None else None
    # no transaction is open meanwhile: this takes as long as an attacker is to find it hard
    if not passwords.is_right(kept, password) or user is None or kept is None:
        _logger.warning("request %s: a login of %s was refused", request_id, f"user {user.id}" if user else "nobody")
        raise _refusal()
    anew = passwords.hashed_anew(kept, password)
    with database.writing() as db:
        user = db.get_one(UserAccount, user.id, with_for_update={"key_share": True})
        if user.disabled_at is not None or user.password_hash != kept:  # changed in this very moment
            raise _refusal()
        user.password_hash = anew or kept
        found = actor_of(user, None, request_id)
        return found, begin(db, found, now, lasts=lasts)


def begin(db: Session, actor: Actor, now: datetime, *, lasts: timedelta) -> str:
    """A new login of ``actor``: the secret for the browser to carry. Logins that are over go."""
    db.execute(delete(Login).where(Login.expires_at <= now))
    secret = new_secret()
    db.add(Login(user_id=actor.user_id, secret_sha256=sha256_of(secret), created_at=now, expires_at=now + lasts))
    audit.record(db, actor, "login.begin", "user", actor.user_id, now)
    return secret


def end(db: Session, secret: str) -> None:
    """End the login whose browser carries ``secret``: no copy of it is good any more."""
    db.execute(delete(Login).where(Login.secret_sha256 == sha256_of(secret)))


def log_out(db: Session, actor: Actor, secret: str, now: datetime) -> None:
    end(db, secret)
    audit.record(db, actor, "login.end", "user", actor.user_id, now)


def end_all(db: Session, user_id: int, *, but: str | None = None) -> None:
    """End every login of a user; but: the secret of one that goes on."""
    query = delete(Login).where(Login.user_id == user_id)
    db.execute(query if but is None else query.where(Login.secret_sha256 != sha256_of(but)))


def change_password(database: Database, actor: Actor, old: str, new: str, now: datetime, *, carried: str) -> None:
    """Have ``actor`` change the password, which ends all their other logins. carried: the secret of this one.

    Raises InvalidRequestError for a wrong old password or a weak new one.
    """
    with database.reading() as db:
        kept = db.get_one(UserAccount, actor.user_id).password_hash
    if not passwords.is_right(kept, old):
        raise InvalidRequestError(
            "the old password is not right",
            code="wrong_password",
            errors=[{"field": "old_password", "message": "is not right"}],
        )
    passwords.check_strength(new, email=actor.email, name=actor.name, field="new_password")
    hashed = passwords.hash_of(new)
    with database.writing() as db:
        user = db.get_one(UserAccount, actor.user_id, with_for_update={"key_share": True})
        if user.password_hash != kept or user.disabled_at is not None:
            raise ConflictError("the password was changed in this very moment; log in with the new one")
        user.password_hash = hashed
        end_all(db, user.id, but=carried)
        db.execute(delete(OneTimeLink).where(OneTimeLink.user_id == user.id, OneTimeLink.purpose == LinkPurpose.RESET))
        audit.record(db, actor, "user.password", "user", user.id, now)


def _refusal() -> AuthenticationError:
    return AuthenticationError("the e-mail address or the password is not right", code="bad_login")
