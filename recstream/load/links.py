"""The connections of one worker: opened, shared in turn, and opened again when they are lost."""

import asyncio
from itertools import count

from recstream.client_tls import ClientTls
from recstream.errors import UnavailableError
from recstream.load.http2 import Connection, open_connection

_RETRY_S = 0.1


class Links:
    """Connections to one server.

    Parameters
    ----------
    target : str
        ``HOST:PORT``.
    size : int
        How many.
    timeout_s : float
        Deadline of each call, and of connecting.
    tls : ClientTls, optional
        Plain text without.

    Raises
    ------
    ConfigurationError
        A file of `tls` cannot be used.
    """

    def __init__(self, target: str, size: int, *, timeout_s: float, tls: ClientTls | None = None) -> None:
        self._target = target
        self._size = size
        self._timeout_s = timeout_s
        self._ssl = None if tls is None else tls.ssl_context()
        self._connections: list[Connection] = []
        self._keepers: list[asyncio.Task[None]] = []
        self._turn = count()

    async def open(self) -> None:
        """Connect.

        Raises
        ------
        UnavailableError
            The server cannot be reached.
        """
        for _ in range(self._size):
            self._connections.append(await self._connect())
        self._keepers = [asyncio.create_task(self._keep(place)) for place in range(self._size)]

    def next(self) -> Connection:
        """The connection whose turn it is."""
        return self._connections[next(self._turn) % self._size]

    async def close(self) -> None:
        """Close all."""
        for keeper in self._keepers:
            keeper.cancel()
        await asyncio.gather(*self._keepers, return_exceptions=True)
        for connection in self._connections:
            connection.close()

    async def _connect(self) -> Connection:
        return await open_connection(self._target, timeout_s=self._timeout_s, tls=self._ssl)

    async def _keep(self, place: int) -> None:
        while True:
            await asyncio.wait([self._connections[place].gone])
            try:
                self._connections[place] = await self._connect()
            except UnavailableError:
                await asyncio.sleep(_RETRY_S)
