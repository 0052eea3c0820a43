"""How much the server takes on at a time."""

from recstream.errors import OverloadedError
from recstream_server.draining import draining_error
from recstream_server.settings import LimitSettings


class Admission:
    """Counts calls at work and open streams, and refuses what is over the limit. For the event loop's thread only.

    Parameters
    ----------
    limits : LimitSettings
    """

    def __init__(self, limits: LimitSettings) -> None:
        self._limits = limits
        self._closed = False
        self.calls = 0
        self.streams = 0
        self.arrived = 0
        """Calls and streams that ever came, refused ones too."""

    def close(self) -> None:
        """Refuse everything from now on: the server drains."""
        self._closed = True

    def enter_call(self) -> None:
        """Count a unary call, or refuse it with an `OverloadedError` or `UnavailableError`."""
        self._arrive()
        if self.calls >= self._limits.calls_in_flight:
            raise calls_overloaded(self._limits)
        self.calls += 1

    def leave_call(self) -> None:
        """The call has ended."""
        self.calls -= 1

    def enter_stream(self) -> None:
        """Count a stream, or refuse it as a call is refused."""
        self._arrive()
        if self.streams >= self._limits.streams:
            raise streams_overloaded(self._limits)
        self.streams += 1

    def leave_stream(self) -> None:
        """The stream has ended."""
        self.streams -= 1

    def _arrive(self) -> None:
        self.arrived += 1
        if self._closed:
            raise draining_error()


def calls_overloaded(limits: LimitSettings) -> OverloadedError:
    """What refuses a unary call over the limit."""
    return OverloadedError(f"{limits.calls_in_flight} calls are at work, which is the limit; try again later")


def streams_overloaded(limits: LimitSettings) -> OverloadedError:
    """What refuses a stream over the limit."""
    return OverloadedError(f"{limits.streams} streams are open, which is the limit; try again later", retry_after_s=1.0)
