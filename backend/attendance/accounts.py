"""Accounts: who is behind a login or a token."""

from __future__ import annotations

from datetime import datetime, timedelta

from sqlalchemy import select

from attendance.actor import Actor
from attendance.database import Database
from attendance.models import ApiToken, Login, UserAccount
from attendance.secrets_kept import sha256_of

# A token's last use is noted no more often than this, or every request of a program would write.
_NOTE_USE_EVERY = timedelta(minutes=10)


def actor_of_login(database: Database, secret: str, now: datetime, request_id: str) -> Actor | None:
    """Whom the browser that carries ``secret`` is logged in as; None when it has ended or the user is disabled."""
    with database.reading() as db:
        login = db.scalar(select(Login).where(Login.secret_sha256 == sha256_of(secret), Login.expires_at > now))
        if login is None or login.user.disabled_at is not None:
            return None
        return _actor(login.user, None, request_id)


def actor_of_token(database: Database, secret: str, now: datetime, request_id: str) -> Actor | None:
    """Whose program carries the token ``secret``; None when it is not, or no longer, good."""
    with database.reading() as db:
        token = db.scalar(
            select(ApiToken).where(
                ApiToken.secret_sha256 == sha256_of(secret), ApiToken.expires_at > now, ApiToken.revoked_at.is_(None)
            )
        )
        if token is None or token.user.disabled_at is not None:
            return None
        found, token_id, last = _actor(token.user, frozenset(token.scopes), request_id), token.id, token.last_used_at
    if last is None or now - last >= _NOTE_USE_EVERY:
        with database.writing() as db:
            db.get_one(ApiToken, token_id).last_used_at = now
    return found


def _actor(user: UserAccount, scopes: frozenset[str] | None, request_id: str) -> Actor:
    return Actor(user.id, user.role, user.name, user.email, scopes, request_id)
