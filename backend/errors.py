"""The error tree of SmartAttendance. Nothing in here knows HTTP.

Every error carries a stable machine-readable ``code`` (an API may expose it, a log may be searched for it)
and a message that says what was wrong and, where there is one, what to do about it.
"""

from __future__ import annotations


class SmartAttendanceError(Exception):
    """Base of everything this project raises on purpose."""

    code = "error"


class ConfigurationError(SmartAttendanceError):
    """A setting has a value that cannot be used."""

    code = "configuration"


class InvalidImageError(SmartAttendanceError):
    """Bytes that cannot become a picture: broken, of an unknown format, or over a limit."""

    code = "invalid_image"


class ImageTooLargeError(InvalidImageError):
    """A picture over the byte or pixel limit; refused before it is decoded."""

    code = "image_too_large"


class WeightsError(SmartAttendanceError):
    """Network weights are missing, could not be fetched, or are not the file they should be."""

    code = "weights"


class DatasetError(SmartAttendanceError):
    """The folder of student images cannot be trained on."""

    code = "dataset"


class ModelError(SmartAttendanceError):
    """A trained model cannot be used. The model that was in use before stays in use."""

    code = "model"


class ModelNotFoundError(ModelError):
    """There is no model file where one was expected."""

    code = "model_not_found"


class ModelIntegrityError(ModelError):
    """A model file is truncated, altered, unsigned or holds objects that a model never holds."""

    code = "model_integrity"


class ModelFormatError(ModelError):
    """A model file is intact but its content is not a model this version can read."""

    code = "model_format"


class EmbedderMismatchError(ModelError):
    """A model was trained on the embeddings of another network than the one at hand."""

    code = "embedder_mismatch"


class ModelStoreError(ModelError):
    """Models cannot be published for other machines, or fetched from where they are. Those in use stay in use."""

    code = "model_store"


class TrainingError(SmartAttendanceError):
    """Training could not be carried out; the last good model is untouched."""

    code = "training"


class ServiceError(SmartAttendanceError):
    """A request that cannot be granted as it was made. ``errors`` names the fields or rows, each a dict with
    ``field`` (or ``row``) and ``message``."""

    code = "request"

    def __init__(self, message: str, *, code: str | None = None, errors: list[dict[str, object]] | None = None) -> None:
        super().__init__(message)
        if code is not None:
            self.code = code
        self.errors = errors or []


class InvalidRequestError(ServiceError):
    """Values that are well formed and still make no sense: dates out of order, an id that exists already."""

    code = "invalid"


class NotFoundError(ServiceError):
    """What was asked for does not exist."""

    code = "not_found"


class AuthenticationError(ServiceError):
    """Nobody is logged in, or the login, token or password given is not (or no longer) good."""

    code = "not_logged_in"


class ForbiddenError(ServiceError):
    """Somebody is logged in who may not do this."""

    code = "forbidden"


class ConflictError(ServiceError):
    """What was asked for does not fit the state things are in: a closed session, a course with an open one."""

    code = "conflict"


class StaleVersionError(ServiceError):
    """Somebody else changed it since it was read."""

    code = "stale_version"


class PreconditionRequiredError(ServiceError):
    """A change that does not say which version of the thing it was made to, where two people may change it."""

    code = "precondition_required"


class TooLargeError(ServiceError):
    """What was sent, or what it holds, is over a limit."""

    code = "too_large"


class BusyError(ServiceError):
    """There is more to do than can be done now. retry_after: seconds until it is worth trying again."""

    code = "busy"

    def __init__(self, message: str, *, retry_after: int = 1, code: str | None = None) -> None:
        super().__init__(message, code=code)
        self.retry_after = retry_after
