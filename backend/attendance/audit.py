"""The audit trail: who did what to what. Written in the transaction of the act, so that there is neither without
the other."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from attendance.actor import Actor
from attendance.models import AuditEvent
from attendance.paging import Page, page_of


def record(
    db: Session, actor: Actor, action: str, object_type: str, object_id: object, now: datetime, **data: Any
) -> None:
    """Note that ``actor`` did ``action`` (``course.create``) to an object. data: ids and what changed; never a
    name, a face or a secret."""
    db.add(
        AuditEvent(
            at=now,
            actor_id=actor.user_id,
            action=action,
            object_type=object_type,
            object_id=str(object_id),
            data=data,
            request_id=actor.request_id,
        )
    )


def events(
    db: Session,
    *,
    action: str | None = None,
    actor_id: int | None = None,
    object_type: str | None = None,
    object_id: str | None = None,
    since: datetime | None = None,
    until: datetime | None = None,
    cursor: str | None = None,
    limit: int = 50,
) -> Page[AuditEvent]:
    """The events that fit, newest first. action: also the beginning of one (``course.``)."""
    query = select(AuditEvent)
    if action:
        query = query.where(AuditEvent.action.startswith(action, autoescape=True))
    if actor_id is not None:
        query = query.where(AuditEvent.actor_id == actor_id)
    if object_type:
        query = query.where(AuditEvent.object_type == object_type)
    if object_id:
        query = query.where(AuditEvent.object_id == object_id)
    if since:
        query = query.where(AuditEvent.at >= since)
    if until:
        query = query.where(AuditEvent.at < until)
    return page_of(db, query, (AuditEvent.id,), descending=True, cursor=cursor, limit=limit)
