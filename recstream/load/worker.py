"""A worker process: takes stages from its pipe, and tells what it measures while they run."""

import asyncio
import gc
import selectors
import signal
import time
from dataclasses import dataclass
from multiprocessing.connection import Connection as Pipe
from typing import Final

from recstream.errors import RecstreamError
from recstream.load.driver import Driver
from recstream.load.population import Population
from recstream.load.samples import Samples
from recstream.load.schedule import Stage
from recstream.load.settings import LoadSettings

_TELL_S: Final = 0.2


@dataclass(frozen=True)
class Order:
    """A stage to run, and when it begins by the monotonic clock."""

    stage: Stage
    start_ns: int


@dataclass(frozen=True)
class Ready:
    """The worker is connected."""


@dataclass(frozen=True)
class Done:
    """The stage is over; `cpu_s` is the processor time that it took the worker."""

    cpu_s: float


@dataclass(frozen=True)
class Failed:
    """The worker has ended."""

    message: str


Report = Ready | Done | Failed | Samples


def run_worker(pipe: Pipe, settings: LoadSettings, population: Population, worker: int) -> None:
    """Run until the pipe says None or is closed; the body of a worker process."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        with asyncio.Runner(loop_factory=_make_loop) as runner:
            runner.run(_work(pipe, settings, population, worker))
    except RecstreamError as error:
        pipe.send(Failed(str(error)))
    except (EOFError, BrokenPipeError):
        return


def _make_loop() -> asyncio.AbstractEventLoop:
    # The usual selector, epoll, sleeps in whole milliseconds, which would make most requests late.
    return asyncio.SelectorEventLoop(selectors.SelectSelector())


async def _work(pipe: Pipe, settings: LoadSettings, population: Population, worker: int) -> None:
    driver = Driver(settings, population, worker)
    await driver.open()
    # What lives now lives to the end: the collector need not look at it while calls wait.
    gc.collect()
    gc.freeze()
    try:
        pipe.send(Ready())
        while (order := await asyncio.to_thread(pipe.recv)) is not None:
            await _run_order(pipe, driver, order)
    finally:
        await driver.close()


async def _run_order(pipe: Pipe, driver: Driver, order: Order) -> None:
    cpu_s = time.process_time()
    running = asyncio.create_task(driver.run(order.stage, order.start_ns))
    while not running.done():
        await asyncio.wait([running], timeout=_TELL_S)
        pipe.send(driver.take())
    running.result()
    pipe.send(Done(time.process_time() - cpu_s))
