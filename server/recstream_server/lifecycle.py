"""When the server stops, and in which order."""

import asyncio
import os
import signal
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Protocol

import grpc
import structlog

from recstream.errors import UnavailableError
from recstream_server.draining import Draining
from recstream_server.interceptors.admission import Admission
from recstream_server.native_front import NativeFront

# A health watcher that does not read holds the servicer's lock while it is written to.
_HEALTH_TIMEOUT_S = 1.0

_QUIET_S = 0.05
_QUIET_ROUNDS = 10

_LOGGER = structlog.get_logger(__name__)


@contextmanager
def stop_signals() -> Iterator[asyncio.Event]:
    """Within the context, an event that SIGTERM and SIGINT set.

    A second signal ends the process at once; what was acknowledged is durable.
    """
    loop = asyncio.get_running_loop()
    stopped = asyncio.Event()

    def stop(number: int) -> None:
        if stopped.is_set():
            os._exit(128 + number)
        stopped.set()

    numbers = (signal.SIGTERM, signal.SIGINT)
    for number in numbers:
        loop.add_signal_handler(number, stop, number)
    try:
        yield stopped
    finally:
        for number in numbers:
            loop.remove_signal_handler(number)


async def until_stopped(server: grpc.aio.Server, stopped: asyncio.Event) -> None:
    """Wait for the event; raises if the server ends by itself, which grpc would not tell anybody."""
    # Not cancelled later: grpc would take its own shutdown for cancelled.
    ended = asyncio.ensure_future(server.wait_for_termination())
    signalled = asyncio.ensure_future(stopped.wait())
    await asyncio.wait({ended, signalled}, return_when=asyncio.FIRST_COMPLETED)
    if not signalled.done():
        ended.result()
        raise UnavailableError("the gRPC server ended by itself")


class Health(Protocol):
    """What a drain needs of the health service."""

    async def enter_graceful_shutdown(self) -> None:
        """Say NOT_SERVING for every service from now on."""


async def drain(
    server: grpc.aio.Server,
    health: Health,
    draining: Draining,
    admission: Admission,
    *,
    grace_s: float,
    front: NativeFront | None,
) -> None:
    """Say so to health checks, end the streams, let calls finish, and cancel those that have not after `grace_s`."""
    deadline = time.monotonic() + grace_s
    _LOGGER.info("draining", grace_s=grace_s)
    try:
        await asyncio.wait_for(health.enter_graceful_shutdown(), _HEALTH_TIMEOUT_S)
    except TimeoutError:
        _LOGGER.warning("health_watcher_stuck")
    # Time for the health watchers to be told, before they are ended like all streams.
    await asyncio.sleep(_QUIET_S)
    draining.start()
    entrance: Entrance = front or admission
    if front is not None:
        front.drain()
    await _quiet(entrance)
    entrance.close()
    await _quiet(entrance)
    if front is not None:
        await front.stop(deadline - time.monotonic())
    await server.stop(max(0.0, deadline - time.monotonic()))


class Entrance(Protocol):
    """Where calls are let in."""

    @property
    def arrived(self) -> int:
        """Calls and streams that ever came, refused ones too."""

    def close(self) -> None:
        """Refuse everything from now on."""


async def _quiet(entrance: Entrance) -> None:
    """Wait until no calls arrive, but not for long.

    grpc cancels the calls that it has received and not yet handed over when it is stopped; their callers would see
    CANCELLED, which they take for their own doing and do not try again.
    """
    for _ in range(_QUIET_ROUNDS):
        arrived = entrance.arrived
        await asyncio.sleep(_QUIET_S)
        if entrance.arrived == arrived:
            return
