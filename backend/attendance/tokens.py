"""Tokens: keys with which programs do what their owners may."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from attendance import audit
from attendance.accounts import require_user
from attendance.actor import Actor
from attendance.models import ApiToken
from attendance.paging import Page, page_of
from attendance.scopes import Scope
from attendance.secrets_kept import new_secret, sha256_of
from errors import ConflictError, ForbiddenError, NotFoundError

PREFIX = "sa_"
# Of the secret, so much is shown in lists: enough to tell tokens apart, too little to guess the rest.
_SHOWN = len(PREFIX) + 5
_MOST = 100
_FOR_ADMINS = frozenset({Scope.ADMIN_READ, Scope.ADMIN_WRITE})


def list_tokens(db: Session, user_id: int, *, cursor: str | None = None, limit: int = 50) -> Page[ApiToken]:
    """The tokens of a user, newest first, with those that are over."""
    require_user(db, user_id)
    query = select(ApiToken).where(ApiToken.user_id == user_id)
    return page_of(db, query, (ApiToken.id,), descending=True, cursor=cursor, limit=limit)


def create_token(
    db: Session, actor: Actor, name: str, scopes: Sequence[Scope], lasts: timedelta, now: datetime
) -> tuple[ApiToken, str]:
    """A new token of ``actor`` and its secret, which is never shown again. Raises ForbiddenError for scopes that
    only an admin may give, ConflictError for somebody who has far too many."""
    if not actor.is_admin and _FOR_ADMINS & set(scopes):
        raise ForbiddenError("only an admin's token may have the scopes admin:read and admin:write", code="role")
    in_use = select(func.count()).where(
        ApiToken.user_id == actor.user_id, ApiToken.revoked_at.is_(None), ApiToken.expires_at > now
    )
    if (db.scalar(in_use) or 0) >= _MOST:
        raise ConflictError(f"you have {_MOST} tokens; revoke those that no program uses", code="too_many_tokens")
    secret = new_secret(PREFIX)
    token = ApiToken(
        user_id=actor.user_id,
        name=name,
        shown=secret[:_SHOWN],
        secret_sha256=sha256_of(secret),
        scopes=sorted({str(scope) for scope in scopes}),
        created_at=now,
        expires_at=now + lasts,
    )
    db.add(token)
    db.flush()
    audit.record(db, actor, "token.create", "token", token.id, now, scopes=token.scopes)
    return token, secret


def revoke_token(db: Session, actor: Actor, user_id: int, token_id: int, now: datetime) -> None:
    """End a token of a user at once and for good. Raises NotFoundError when the user has no such token."""
    token = db.get(ApiToken, token_id)
    if token is None or token.user_id != user_id:
        raise NotFoundError(f"there is no token {token_id} here")
    if token.revoked_at is None:
        token.revoked_at = now
        audit.record(db, actor, "token.revoke", "token", token_id, now, user_id=user_id)
