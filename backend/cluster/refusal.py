"""How an error of ours passes from a recognizer of the cluster to the server process that asked."""

from __future__ import annotations

from dataclasses import dataclass

from errors import BusyError, ModelError, ModelNotFoundError, SmartAttendanceError


@dataclass(frozen=True, slots=True)
class Refusal:
    """Why there is no answer. retry_after: seconds, of a BusyError; None of others."""

    code: str
    message: str
    retry_after: int | None

    @classmethod
    def of(cls, error: SmartAttendanceError) -> Refusal:
        return cls(error.code, str(error), error.retry_after if isinstance(error, BusyError) else None)

    def error(self) -> SmartAttendanceError:
        if self.retry_after is not None:
            return BusyError(self.message, retry_after=self.retry_after, code=self.code)
        if self.code == ModelNotFoundError.code:
            return ModelNotFoundError(self.message)
        return ModelError(self.message)
