"""The rules that a school may set, with their units; ``config.Settings`` has the reasons for the defaults."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta


@dataclass(frozen=True, slots=True)
class Policy:
    """confirm_sightings accepted sightings of a student within confirm_window make a mark. close_grace: how long after
    a close queued frames count. recognition: how long one that came in time may take to be recognised. lock_after: from
    the close until marks can no longer be corrected. review_crops: how long a doubtful face's crop is kept.
    frame_records: how long sightings and frames' answers are."""

    confirm_sightings: int = 2
    confirm_window: timedelta = timedelta(seconds=10)
    close_grace: timedelta = timedelta(seconds=120)
    recognition: timedelta = timedelta(seconds=10)
    lock_after: timedelta = timedelta(hours=72)
    review_crops: timedelta = timedelta(days=7)
    frame_records: timedelta = timedelta(days=30)
    consent_policy_version: str = "1"

    @property
    def settle_after(self) -> timedelta:
        """From the close until no frame can count any more, and those who were never seen are absent."""
        return self.close_grace + self.recognition
