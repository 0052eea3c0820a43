"""The errors of recstream: one small tree, for the library, the server and the trainer.

The server's `interceptors/errors.py` is the only place that turns them into gRPC statuses, the client's `statuses.py`
the only one that turns statuses back. Messages name the field, the value's size or kind, the limit and the remedy, and
never internals.
"""

from collections.abc import Sequence
from typing import NamedTuple


class RecstreamError(Exception):
    """Any error of recstream.

    Attributes
    ----------
    reason : str
        Stable UPPER_SNAKE code for programs, sent as the reason of ``google.rpc.ErrorInfo``.
    """

    reason = "INTERNAL"

    def __init__(self, message: str, *, reason: str | None = None) -> None:
        super().__init__(message)
        if reason is not None:
            self.reason = reason


class FieldViolation(NamedTuple):
    """What is wrong with one field of a request."""

    field: str
    """Path in the request, for example ``recommend.recent_events[3].item_id``."""
    description: str
    """What is wrong, the limit and the remedy."""


class InvalidArgumentError(RecstreamError):
    """A request that no state of the server could answer; names every field at fault."""

    reason = "INVALID_FIELD"

    def __init__(self, violations: Sequence[FieldViolation]) -> None:
        self.violations = tuple(violations)
        super().__init__("; ".join(f"{field}: {description}" for field, description in self.violations))


class NotFoundError(RecstreamError):
    """The only subject of a call does not exist (``ITEM_NOT_FOUND``, ``MODEL_NOT_FOUND``)."""

    reason = "NOT_FOUND"


class AlreadyExistsError(RecstreamError):
    """An ``event_id`` comes a second time with another content."""

    reason = "EVENT_ID_REUSED"


class StateVersionError(RecstreamError):
    """The server has not reached the state version that a request insists on."""

    reason = "STATE_VERSION_NOT_REACHED"


class OverloadedError(RecstreamError):
    """A bounded queue is full; nothing was done."""

    reason = "OVERLOADED"

    def __init__(self, message: str, *, retry_after_s: float = 0.1, reason: str | None = None) -> None:
        super().__init__(message, reason=reason)
        self.retry_after_s = retry_after_s


class UnavailableError(RecstreamError):
    """The server cannot do this now; trying again later, or on another server, may help."""

    reason = "UNAVAILABLE"


class DeadlineError(RecstreamError):
    """The deadline passed before the answer came."""

    reason = "DEADLINE_EXCEEDED"


class ConfigurationError(RecstreamError):
    """A setting, option or file given at start is wrong."""

    reason = "CONFIGURATION"


class DataError(RecstreamError):
    """A data set that cannot be used; says which rows or columns, and the remedy."""

    reason = "DATA"


class BundleError(RecstreamError):
    """A bundle that is refused.

    Attributes
    ----------
    file : str
        Name of the file at fault, relative to the bundle.
    problem : str
        What is wrong with it, and the remedy.
    """

    reason = "BUNDLE_REFUSED"

    def __init__(self, file: str, problem: str) -> None:
        self.file = file
        self.problem = problem
        super().__init__(f"{file}: {problem}")
