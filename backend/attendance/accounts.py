"""Accounts: who is behind a login or a token, and who may use the server at all."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import delete, or_, select, update
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from attendance import audit
from attendance.actor import Actor
from attendance.database import Database
from attendance.models import ApiToken, CalendarFeed, Kiosk, Login, OneTimeLink, Role, UserAccount
from attendance.paging import Page, page_of
from attendance.secrets_kept import sha256_of
from attendance.versions import check_version
from errors import ConflictError, NotFoundError

# A token's last use is noted no more often than this, or every request of a program would write.
_NOTE_USE_EVERY = timedelta(minutes=10)


def actor_of_login(database: Database, secret: str, now: datetime, request_id: str) -> Actor | None:
    """Whom the browser that carries ``secret`` is logged in as; None when it has ended or the user is disabled."""
    with database.reading() as db:
        login = db.scalar(select(Login).where(Login.secret_sha256 == sha256_of(secret), Login.expires_at > now))
        if login is None or login.user.disabled_at is not None:
            return None
        return actor_of(login.user, None, request_id, f"login {login.id}")


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
        token_id, last = token.id, token.last_used_at
        found = actor_of(token.user, frozenset(token.scopes), request_id, f"token {token_id}")
    if last is None or now - last >= _NOTE_USE_EVERY:
        with database.writing() as db:
            db.get_one(ApiToken, token_id).last_used_at = now
    return found


def actor_of(user: UserAccount, scopes: frozenset[str] | None, request_id: str | None, sender: str = "") -> Actor:
    return Actor(user.id, user.role, user.name, user.email, scopes, request_id, user.may_create_courses, sender)


def has_admin(db: Session) -> bool:
    """Whether the server has had its first admin made."""
    return db.scalar(select(UserAccount.id).where(UserAccount.role == Role.ADMIN).limit(1)) is not None


def user_by_email(db: Session, email: str) -> UserAccount | None:
    """The account with this address, in whatever case it is written."""
    return db.scalar(select(UserAccount).where(UserAccount.email == email.strip().lower()))


def list_users(
    db: Session,
    *,
    search: str | None = None,
    role: Role | None = None,
    disabled: bool | None = None,
    cursor: str | None = None,
    limit: int = 50,
) -> Page[UserAccount]:
    """The accounts by e-mail address. search: a part of the name or address. disabled: only such, or only others."""
    query = select(UserAccount)
    if search:
        query = query.where(
            or_(
                UserAccount.name.icontains(search, autoescape=True),
                UserAccount.email.icontains(search, autoescape=True),
            )
        )
    if role is not None:
        query = query.where(UserAccount.role == role)
    if disabled is not None:
        query = query.where(UserAccount.disabled_at.is_not(None) if disabled else UserAccount.disabled_at.is_(None))
    return page_of(db, query, (UserAccount.email, UserAccount.id), cursor=cursor, limit=limit)


def require_user(db: Session, user_id: int) -> UserAccount:
    user = db.get(UserAccount, user_id)
    if user is None:
        raise NotFoundError(f"there is no user {user_id}")
    return user


def create_user(db: Session, actor: Actor, values: Mapping[str, Any], now: datetime) -> UserAccount:
    """A new account, without a password: its owner chooses one with a link (``attendance.links``). values: email
    (lower case), name, role, may_create_courses."""
    user = UserAccount(**values, created_at=now)
    db.add(user)
    _flush(db)
    audit.record(db, actor, "user.create", "user", user.id, now, role=str(user.role))
    return user


def update_user(
    db: Session, actor: Actor, user_id: int, values: Mapping[str, Any], expected: int | None, now: datetime
) -> UserAccount:
    """Change email (lower case), name, role or may_create_courses. expected: the version it was read at. Raises
    ConflictError when the server would be without an admin."""
    user = _locked(db, user_id)
    check_version(user, expected)
    if values.get("role", user.role) is not Role.ADMIN:
        _check_not_last_admin(db, user)
    was = user.role
    for name, value in values.items():
        setattr(user, name, value)
    user.version += 1
    _flush(db)
    role = {"role": str(user.role), "old_role": str(was)} if user.role is not was else {}
    audit.record(db, actor, "user.update", "user", user.id, now, fields=sorted(values), **role)
    return user


def disable_user(db: Session, actor: Actor, user_id: int, now: datetime) -> UserAccount:
    """Let a user in no more: every login, link, token and calendar address of theirs is over for good. What they did
    stays theirs."""
    user = _locked(db, user_id)
    if user.disabled_at is not None:
        return user
    _check_not_last_admin(db, user)
    user.disabled_at = now
    user.version += 1
    db.execute(delete(Login).where(Login.user_id == user_id))
    db.execute(delete(OneTimeLink).where(OneTimeLink.user_id == user_id))
    revoke_given_out(db, user_id, now)
    audit.record(db, actor, "user.disable", "user", user_id, now)
    return user


def revoke_given_out(db: Session, user_id: int, now: datetime) -> None:
    """End every token, calendar address and kiosk that was made with the user's account."""
    for kind in (ApiToken, CalendarFeed, Kiosk):
        db.execute(update(kind).where(kind.user_id == user_id, kind.revoked_at.is_(None)).values(revoked_at=now))


def enable_user(db: Session, actor: Actor, user_id: int, now: datetime) -> UserAccount:
    """Let a user in again, with the password they had."""
    user = _locked(db, user_id)
    if user.disabled_at is not None:
        user.disabled_at = None
        user.version += 1
        audit.record(db, actor, "user.enable", "user", user_id, now)
    return user


def _locked(db: Session, user_id: int) -> UserAccount:
    """The account, held until the transaction ends together with every admin's: two admins who take each other's
    rights must not both succeed."""
    query = select(UserAccount).where(or_(UserAccount.id == user_id, UserAccount.role == Role.ADMIN))
    query = query.order_by(UserAccount.id).with_for_update(key_share=True)
    held = db.scalars(query.execution_options(populate_existing=True)).all()
    for user in held:
        if user.id == user_id:
            return user
    raise NotFoundError(f"there is no user {user_id}")


def _check_not_last_admin(db: Session, user: UserAccount) -> None:
    """Raise ConflictError if ``user`` is the only one who can administer the server. Somebody who has not taken up
    the invitation yet cannot."""
    if user.role is not Role.ADMIN or user.disabled_at is not None:
        return
    others = select(UserAccount.id).where(
        UserAccount.id != user.id,
        UserAccount.role == Role.ADMIN,
        UserAccount.disabled_at.is_(None),
        UserAccount.password_hash.is_not(None),
    )
    if db.scalar(others.limit(1)) is None:
        raise ConflictError(
            "nobody else could administer the server; make another admin first, who has chosen a password",
            code="last_admin",
        )


def _flush(db: Session) -> None:
    try:
        db.flush()
    except IntegrityError as error:
        raise ConflictError(
            "there is an account with this e-mail address already",
            code="duplicate",
            errors=[{"field": "email", "message": "belongs to another account"}],
        ) from error
