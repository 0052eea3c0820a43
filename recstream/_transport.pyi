"""The native front: a gRPC server in C++ that answers common queries itself, and passes all else on.

There only where gRPC C++ was found when the package was built. The GIL is not needed to serve.
"""

from typing import Final, final

from recstream._core import Engine

__all__: Final[list[str]]

@final
class Front:
    """The server that clients see.

    Parameters
    ----------
    address : str
        ``HOST:PORT`` to listen on; port 0 picks one.
    upstream : str
        gRPC target of the server that answers what this one does not.
    arguments : list of (str, int)
        gRPC channel arguments of the server.
    engine : Engine
        Answers the queries; kept alive.
    version : bytes
        Serialized ModelVersion, for answers.
    token_head : str
        What their attribution tokens begin with.
    is_exact : bool
        Whether the engine searches by itself; otherwise recommendations are passed on.
    limits : dict
        ``id_bytes``, ``page_size``, ``candidate_item_ids``, ``exclude_item_ids``, ``calls_in_flight`` and ``streams``,
        as `LimitSettings` has them.
    refusals : dict
        Serialized google.rpc.Status for ``calls_overloaded``, ``streams_overloaded``, ``expired`` and ``draining``.
    seconds : list of float
        Bounds of the buckets for call times, rising.
    workers : int
        Threads that queries run on; 0 for those of the connections.

    Raises
    ------
    RuntimeError
        The address cannot be had, or the server behind does not answer.
    """

    def __init__(
        self,
        *,
        address: str,
        upstream: str,
        arguments: list[tuple[str, int]],
        engine: Engine,
        version: bytes,
        token_head: str,
        is_exact: bool,
        limits: dict[str, int],
        refusals: dict[str, bytes],
        seconds: list[float],
        workers: int,
    ) -> None: ...
    @property
    def port(self) -> int:
        """The port that was picked."""

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

    def drain(self) -> None:
        """End the streams that are served here, and pass new ones on."""

    def close(self) -> None:
        """Refuse every call from now on."""

    def stop(self, grace_s: float) -> None:
        """Refuse connections, let calls finish, and cancel those that have not after the grace."""
