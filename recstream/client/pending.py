"""Answers to the messages of a stream, before they have come."""

from concurrent.futures import Future
from typing import Generic, TypeVar

from recstream.errors import DeadlineError

Answer = TypeVar("Answer")


class Pending(Generic[Answer]):
    """The answer to one message of a stream.

    Parameters
    ----------
    future : Future
        Completed by the stream.
    timeout_s : float
        How long `result` waits by default.
    """

    def __init__(self, future: "Future[Answer]", timeout_s: float) -> None:
        self._future = future
        self._timeout_s = timeout_s

    def done(self) -> bool:
        """Whether the answer, or an error, has come."""
        return self._future.done()

    def result(self, timeout_s: float | None = None) -> Answer:
        """Wait for the answer.

        Raises
        ------
        RecstreamError
            The message failed, or the stream broke.
        DeadlineError
            No answer within `timeout_s`; it may still come, and `result` may be called again.
        """
        limit_s = self._timeout_s if timeout_s is None else timeout_s
        try:
            return self._future.result(limit_s)
        except TimeoutError:
            raise DeadlineError(f"no answer on the stream within {limit_s} s; wait longer or check it") from None
