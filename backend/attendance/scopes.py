"""What a program's token may be allowed to do. Whatever it allows, its owner's role limits it further."""

from __future__ import annotations

from enum import StrEnum


class Scope(StrEnum):
    COURSES_READ = "courses:read"
    """Courses, staff, schedules, rosters."""
    COURSES_WRITE = "courses:write"
    PEOPLE_READ = "people:read"
    """Students and their consents."""
    PEOPLE_WRITE = "people:write"
    FACES_READ = "faces:read"
    """Pictures: enrolled crops and crops to review."""
    FACES_WRITE = "faces:write"
    ATTENDANCE_READ = "attendance:read"
    """Sessions, marks, review items, excuses."""
    ATTENDANCE_WRITE = "attendance:write"
    FRAMES_WRITE = "frames:write"
    """Sending frames and recognising."""
    REPORTS_READ = "reports:read"
    MODEL_READ = "model:read"
    MODEL_WRITE = "model:write"
    """Training, activating, going back."""
    ADMIN_READ = "admin:read"
    """Users, audit, retention, settings."""
    ADMIN_WRITE = "admin:write"
