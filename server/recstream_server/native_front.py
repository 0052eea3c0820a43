"""The native front, where it was built: what it is given, how it starts and stops. Calls never pass through here."""

import asyncio
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Self

from recstream.attribution import token_head
from recstream.errors import ConfigurationError, RecstreamError
from recstream.event_types import EventTypes
from recstream_server.draining import draining_error
from recstream_server.interceptors.admission import calls_overloaded, streams_overloaded
from recstream_server.interceptors.calls import expired
from recstream_server.interceptors.errors import status_of
from recstream_server.listen_address import ListenAddress
from recstream_server.listener import listening_socket, server_options
from recstream_server.native_events import NativeEvents
from recstream_server.served_model import ServedModel
from recstream_server.settings import LimitSettings, Settings
from recstream_server.telemetry.metrics import CALL_SECONDS
from recstream_server.telemetry.native_calls import NativeCounts
from recstream_server.telemetry.native_log import log_reports
from recstream_server.tls import TlsFiles

if TYPE_CHECKING:
    from recstream._transport import Front

# For what may take long and shares no pass over the items; they sleep while there is none.
_WORKERS = 8
# From so many items on a pass that queries share saves more than to hand them to another thread costs.
_BATCHED_ITEMS = 20_000
_LAST_EVENTS_S = 1.0
_LOG_S = 1.0


def uses_native_front(settings: Settings) -> bool:
    """Whether the native front is to serve; raises a `ConfigurationError` when it is asked for and was not built."""
    wanted = settings.listen.transport
    if wanted == "python" or (wanted == "auto" and settings.log.level == "debug"):
        return False
    try:
        import recstream._transport  # noqa: F401, PLC0415 - optional
    except ImportError as error:
        if wanted == "native":
            raise ConfigurationError(
                f"listen.transport: is native, which cannot be loaded ({error}); install gRPC for C++ (on Debian "
                "libgrpc++-dev) and build recstream again, or leave it at auto"
            ) from None
        return False
    return True


class NativeFront:
    """The server that clients reach, in front of the one in Python.

    Parameters
    ----------
    settings : Settings
    model : ServedModel
    event_types : EventTypes
    tls : TlsFiles, optional
        Plain text without.

    Attributes
    ----------
    events : NativeEvents
        What the event writer has to empty.
    """

    def __init__(self, settings: Settings, model: ServedModel, event_types: EventTypes, tls: TlsFiles | None) -> None:
        from recstream._transport import WatchHub  # noqa: PLC0415 - optional

        self._settings = settings
        self._tls = tls
        self._model = model
        self.events = NativeEvents(settings.limits, settings.events, event_types)
        self._watchers = WatchHub()
        # Mode 0700: nobody else gets around the limits of the front.
        self._folder = tempfile.TemporaryDirectory(prefix="recstream-")
        self._front: Front | None = None
        self._logging: asyncio.Task[None] | None = None

    @property
    def upstream(self) -> str:
        """Where the Python server has to listen."""
        return f"unix:{Path(self._folder.name) / 'python.sock'}"

    @property
    def arrived(self) -> int:
        """Calls and streams that ever came, refused ones too."""
        return 0 if self._front is None else self._front.arrived

    @property
    def calls(self) -> int:
        """Unary calls at work."""
        return 0 if self._front is None else self._front.calls

    @property
    def streams(self) -> int:
        """Streams that are open."""
        return 0 if self._front is None else self._front.streams

    def counts(self) -> NativeCounts:
        """As `recstream._transport.Front.counts`; empty before the start."""
        return [] if self._front is None else self._front.counts()

    def on_applied(self, changed: set[tuple[str, str]]) -> None:
        """Wake the watchers of (user_id, session_id) pairs whose state has changed; in the writer's thread."""
        self._watchers.notify(changed)

    async def start(self) -> ListenAddress:
        """Listen; the Python server has to be up. The address with the port that was picked."""
        address = self._settings.listen.address
        with listening_socket(address) as listening:
            port = listening.getsockname()[1]
            # In a thread: the Python server needs the loop to answer.
            self._front = await asyncio.to_thread(self._serve, listening.fileno())
            listening.detach()
        self._logging = asyncio.create_task(self._log_calls(self._front))
        return address._replace(port=port)

    def drain(self) -> None:
        """End the streams; new ones are passed on to Python, which ends them."""
        if self._front is not None:
            self._front.drain()

    async def stop(self, grace_s: float) -> None:
        """Let calls finish, and cancel those that have not after the grace."""
        if self._front is not None:
            grace_s = max(0.0, grace_s)
            stopping = asyncio.ensure_future(asyncio.to_thread(self._front.stop, grace_s))
            if not (await asyncio.wait({stopping}, timeout=grace_s + _LAST_EVENTS_S))[0]:
                # The log hangs: calls that have been cancelled still wait for what becomes of their events.
                self.events.close()
            await stopping
            if self._logging is not None:
                self._logging.cancel()
            log_reports(self._front.take_log())

    def close(self) -> None:
        """Refuse every call from now on."""
        if self._front is not None:
            self._front.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        """Stop at once, if that was not done, and remove the socket."""
        self.events.close()
        if self._front is not None:
            self._front.stop(0.0)
        self._folder.cleanup()

    @staticmethod
    async def _log_calls(front: "Front") -> None:
        while True:
            await asyncio.sleep(_LOG_S)
            log_reports(front.take_log())

    def _serve(self, listening: int) -> "Front":
        from recstream._transport import Front, ItemAttributes  # noqa: PLC0415 - optional

        model, settings = self._model, self._settings
        version = model.description.version
        is_short = model.query_multiply_adds <= settings.engine.inline_multiply_adds
        is_batched = model.engine.stats()["items"] >= _BATCHED_ITEMS
        return Front(
            listening=listening,
            upstream=self.upstream,
            arguments=server_options(settings.limits),
            engine=model.engine,
            attribute_table=model.filters.table,
            item_attributes=ItemAttributes(model.attributes.names, model.attributes.slices()),
            version=version.SerializeToString(),
            token_head=token_head(version.name, version.version),
            is_exact=settings.retrieval.kind == "exact",
            limits=settings.limits.model_dump(),
            refusals=_refusals(settings.limits),
            seconds=list(CALL_SECONDS),
            slow_seconds=settings.log.slow_call_ms / 1000,
            workers=0 if is_short and not is_batched else _WORKERS,
            events=self.events.queue,
            watchers=self._watchers,
            tls=self._tls,
        )


def _refusals(limits: LimitSettings) -> dict[str, bytes]:
    errors: dict[str, RecstreamError] = {
        "calls_overloaded": calls_overloaded(limits),
        "streams_overloaded": streams_overloaded(limits),
        "expired": expired(),
        "draining": draining_error(),
    }
    return {name: status_of(error).SerializeToString() for name, error in errors.items()}
