"""Reading ahead: in order, bounded, to the end."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import grpc
import pytest
from recstream_server.draining import Draining
from recstream_server.services.inbox import Inbox

from recstream.errors import FieldViolation, InvalidArgumentError, UnavailableError


class Stream:
    """The reading side of a call's context: messages, then the end or an error, or silence."""

    def __init__(self, *messages: Any, silent: bool = False) -> None:
        self._messages = list(messages)
        self._silent = silent
        self.read_count = 0

    async def read(self) -> Any:
        await asyncio.sleep(0)
        if self.read_count == len(self._messages):
            if self._silent:
                await asyncio.Event().wait()
            return grpc.aio.EOF
        self.read_count += 1
        message = self._messages[self.read_count - 1]
        if isinstance(message, Exception):
            raise message
        return message


def run(stream: Stream, limit: int, body: Callable[[Inbox[Any], Draining], Awaitable[None]]) -> None:
    async def running() -> None:
        draining = Draining()
        async with Inbox[Any](stream, limit, draining) as inbox:  # type: ignore[arg-type]
            await body(inbox, draining)

    asyncio.run(asyncio.wait_for(running(), 10))


async def settle() -> None:
    for _ in range(50):
        await asyncio.sleep(0)


def anything(_message: Any) -> bool:
    return True


def test_messages_that_arrived_together_make_a_run() -> None:
    async def body(inbox: Inbox[int], _: Draining) -> None:
        await settle()
        assert await inbox.take(anything) == [0, 1, 2, 3, 4]
        assert await inbox.take(anything) == []

    run(Stream(*range(5)), 8, body)


def test_a_run_ends_before_what_does_not_go_along() -> None:
    async def body(inbox: Inbox[int], _: Draining) -> None:
        await settle()
        asked: list[int] = []

        def even(message: int) -> bool:
            asked.append(message)
            return message % 2 == 0

        assert await inbox.take(even) == [1, 2, 4]
        assert asked == [1, 2, 4, 5]
        assert await inbox.take(even) == [5, 6]

    run(Stream(1, 2, 4, 5, 6), 8, body)


def test_no_more_is_read_than_the_limit() -> None:
    stream = Stream(*range(100))

    async def body(inbox: Inbox[int], _: Draining) -> None:
        taken: list[int] = []
        while len(taken) < 100:
            await settle()
            assert stream.read_count - len(taken) <= 4
            taken += await inbox.take(anything)
        assert taken == list(range(100))

    run(stream, 4, body)


def test_what_does_not_parse_comes_after_what_did() -> None:
    async def body(inbox: Inbox[int], _: Draining) -> None:
        await settle()
        assert await inbox.take(anything) == [1, 2]
        with pytest.raises(InvalidArgumentError):
            await inbox.take(anything)

    run(Stream(1, 2, InvalidArgumentError([FieldViolation("", "is bad")])), 8, body)


def test_a_drain_ends_the_stream_after_what_was_read() -> None:
    async def body(inbox: Inbox[int], draining: Draining) -> None:
        await settle()
        draining.start()
        assert await inbox.take(anything) == [1, 2]
        with pytest.raises(UnavailableError):
            await inbox.take(anything)

    run(Stream(1, 2, silent=True), 8, body)


def test_a_drain_wakes_who_waits() -> None:
    async def body(inbox: Inbox[int], draining: Draining) -> None:
        asyncio.get_running_loop().call_later(0.01, draining.start)
        with pytest.raises(UnavailableError):
            await inbox.take(anything)

    run(Stream(silent=True), 8, body)
