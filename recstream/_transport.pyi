"""The native front: a gRPC server in C++ that answers common queries itself, and passes all else on.

There only where gRPC C++ was found when the package was built. The GIL is not needed to serve.
"""

import builtins
from collections.abc import Iterable, Sequence
from typing import TypeAlias, final

from recstream._core import AttributeTable, Engine

_Value: TypeAlias = str | float | bool | list[str] | None

@final
class EventQueue:
    """Events of the native front, on their way to the one writer and back. Safe to use from many threads.

    Parameters
    ----------
    types : list of tuple
        (name, weight, marks_seen, positive_from) of the event types that are known.
    id_bytes, token_bytes, batch_requests : int
        Longest id, longest attribution token, and most events in one call.
    limit : int
        Events that may wait, those of `share` included.
    full, closed : bytes
        Serialized google.rpc.Status for events that have no room, and for those that come after `close`.
    """

    def __init__(
        self,
        *,
        types: Sequence[tuple[str, float, bool, float | None]],
        id_bytes: int,
        token_bytes: int,
        batch_requests: int,
        limit: int,
        full: bytes,
        closed: bytes,
    ) -> None: ...
    @property
    def waiting(self) -> int:
        """Events to take."""

    @property
    def arrived(self) -> int:
        """Events that were ever queued."""

    @property
    def taken(self) -> int:
        """Events that were ever taken, or given up by `close`."""

    def wait(self, timeout_s: float | None) -> None:
        """Return when events wait, after `wake`, or after the time, if one is given."""

    def wake(self) -> None:
        """End the wait at hand, or else the next one."""

    def share(self, others: int) -> None:
        """Say how many events wait elsewhere under the same limit."""

    def take(self, limit: int) -> list[tuple[str, str, str, str, str, float | None, int, str, str]]:
        """Up to `limit` events, in the order of their arrival, with the fields of a UserEvent.

        (event_id, user_id, session_id, item_id, event_type, value, event_time in microseconds since 1970,
        attribution_token, ""); those that came without an id or a time have got one.
        """

    def complete(self, results: list[tuple[int, bool] | bytes]) -> None:
        """Say what became of the events taken, in their order: (state_version, duplicate), or a google.rpc.Status."""

    def close(self) -> None:
        """Refuse events from now on, and answer those that are not complete as refused; they may be stored though."""

@final
class WatchHub:
    """Wakes the watching streams of the native front. Safe to use from many threads."""

    def __init__(self) -> None: ...
    def notify(self, changed: set[tuple[str, str]]) -> None:
        """Say which (user_id, session_id) pairs events have changed, once those are applied."""

@final
class ItemAttributes:
    """The attributes of all items, each item's as the bytes that answers carry. Safe to use from many threads.

    Parameters
    ----------
    names : list of str
        Of the attributes, rising.
    slices : iterable
        The items, so many at a time: a list of values for each name. None for no value, else a bool, a number, a text,
        or a list of texts, whose None are left out.
    """

    def __init__(self, names: list[str], slices: Iterable[Sequence[list[_Value]]]) -> None: ...
    @property
    def bytes(self) -> int:
        """Memory: what answers carry, and 8 bytes for an item."""

    def of_row(self, row: int) -> builtins.bytes:
        """A serialized Recommendation of nothing but the attributes of a row; ``IndexError`` beyond the rows."""

@final
class Front:
    """The server that clients see.

    Parameters
    ----------
    listening : int
        Descriptor of a listening TCP socket, which the front takes over and closes.
    upstream : str
        gRPC target of the server that answers what this one does not.
    arguments : list of (str, int)
        gRPC channel arguments of the server.
    engine : Engine
        Answers the queries; kept alive.
    attribute_table : AttributeTable
        Of the engine's items, for filters; kept alive.
    item_attributes : ItemAttributes
        Of the same, for answers; kept alive.
    version : bytes
        Serialized ModelVersion, for answers.
    token_head : str
        What their attribution tokens begin with.
    is_exact : bool
        Whether the engine searches by itself; otherwise recommendations are passed on.
    limits : dict
        ``id_bytes``, ``page_size``, ``candidate_item_ids``, ``exclude_item_ids``, ``recent_events``,
        ``filter_conditions``, ``filter_values``, ``calls_in_flight``, ``streams``, ``stream_messages`` and
        ``connections``, as `LimitSettings` has them.
    refusals : dict
        Serialized google.rpc.Status for ``calls_overloaded``, ``streams_overloaded``, ``expired`` and ``draining``.
    seconds : list of float
        Bounds of the buckets for call times, rising.
    slow_seconds : float
        Unary calls that take longer are logged.
    workers : int
        Threads that queries run on; 0 for those of the connections.
    events : EventQueue
        Where events go to be stored; kept alive.
    watchers : WatchHub
        What wakes its watching streams; kept alive.
    tls : (certificate_chain, private_key, client_ca), optional
        PEM, checked by `recstream_server.tls`; without a ``client_ca`` clients need no certificate. Plain text if None.

    Raises
    ------
    RuntimeError
        The server behind does not answer; the socket stays the caller's.
    """

    def __init__(
        self,
        *,
        listening: int,
        upstream: str,
        arguments: list[tuple[str, int]],
        engine: Engine,
        attribute_table: AttributeTable,
        item_attributes: ItemAttributes,
        version: bytes,
        token_head: str,
        is_exact: bool,
        limits: dict[str, int],
        refusals: dict[str, bytes],
        seconds: list[float],
        slow_seconds: float,
        workers: int,
        events: EventQueue,
        watchers: WatchHub,
        tls: tuple[bytes, bytes, bytes | None] | None,
    ) -> None: ...
    @property
    def calls(self) -> int:
        """Unary calls at work, those passed on included."""

    @property
    def streams(self) -> int:
        """Streams that are open, those passed on included."""

    @property
    def arrived(self) -> int:
        """Calls and streams that ever came, refused ones too."""

    def counts(self) -> list[tuple[str, list[int], list[int], dict[str, int], list[int], float]]:
        """What became of the calls, by RPC.

        Returns
        -------
        list
            For each RPC: ``package.Service/Method``; calls that ended here, by status code; stream messages answered
            here, by status code; calls and messages passed on, by reason; unary calls that ended here, by bucket of
            time; and their seconds in all.
        """

    def take_log(self) -> list[tuple[str, int, bool, int, float | None, bytes]]:
        """What calls were slow or failed here since the last time, added up.

        Returns
        -------
        list
            For each RPC and status code: ``package.Service/Method``; the code; whether it is of stream messages and of
            entries of batches, or of calls; how many; seconds of the slowest unary call; and the serialized
            google.rpc.Status of the first, empty where there is none.
        """

    def drain(self) -> None:
        """End the streams that are served here, and pass new ones on."""

    def close(self) -> None:
        """Refuse every call from now on."""

    def stop(self, grace_s: float) -> None:
        """Refuse connections, let calls finish, and cancel those that have not after the grace."""
