"""Watchers: woken by the events that concern them, at most once in their pause, and forgotten when they leave."""

import asyncio
from collections.abc import Awaitable, Callable

import pytest
from recstream_server.watch_hub import Watcher, WatchHub

from recstream.errors import UnavailableError


def run(body: Callable[[WatchHub], Awaitable[None]]) -> None:
    async def running() -> None:
        await body(WatchHub(asyncio.get_running_loop()))

    asyncio.run(running())


async def is_woken(watcher: Watcher) -> bool:
    """Whether it has something to do, once everything that is on its way has arrived."""
    task = asyncio.ensure_future(watcher.changed())
    for _ in range(5):
        await asyncio.sleep(0)
    if task.done():
        return True
    task.cancel()
    return False


def test_only_the_watchers_concerned_are_woken() -> None:
    async def body(hub: WatchHub) -> None:
        with hub.watching("u", "") as user, hub.watching("", "s") as session, hub.watching("v", "t") as other:
            hub.on_applied({("u", "s"), ("s", "u")})
            assert [await is_woken(watcher) for watcher in (user, session, other)] == [True, True, False]

    run(body)


def test_changes_before_the_wait_are_one_change() -> None:
    async def body(hub: WatchHub) -> None:
        with hub.watching("u", "") as watcher:
            for _ in range(3):
                hub.on_applied({("u", "")})
            assert [await is_woken(watcher), await is_woken(watcher)] == [True, False]

    run(body)


def test_a_pause_is_not_cut_short_by_changes() -> None:
    async def body(hub: WatchHub) -> None:
        loop = asyncio.get_running_loop()
        with hub.watching("u", "") as watcher:
            started = loop.time()
            loop.call_later(0.01, hub.on_applied, {("u", "")})
            await watcher.pause(0.1)
            assert loop.time() - started >= 0.099
            assert await is_woken(watcher)

    run(body)


def test_a_drain_ends_pauses_and_waits() -> None:
    async def body(hub: WatchHub) -> None:
        loop = asyncio.get_running_loop()
        with hub.watching("u", "") as watcher:
            loop.call_later(0.01, watcher.end)
            with pytest.raises(UnavailableError):
                await watcher.pause(60)
            with pytest.raises(UnavailableError):
                await watcher.changed()
        with hub.watching("u", "") as watcher:
            loop.call_later(0.01, watcher.end)
            with pytest.raises(UnavailableError):
                await watcher.changed()

    run(body)


def test_nothing_is_kept_of_those_who_left() -> None:
    async def body(hub: WatchHub) -> None:
        with hub.watching("u", "s"), hub.watching("u", ""):
            pass
        assert not vars(hub)["_watchers"]
        hub.on_applied({("u", "s")})

    run(body)
