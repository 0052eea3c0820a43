"""The native core: exact top-K, user state, and the engine that answers a query in one call.

Every class is safe to use from many threads at once; the GIL is released while the core works. NumPy inputs are
borrowed without a copy, or refused: a wrong dtype or memory order is a ``TypeError``, never a silent cast.
"""

from collections.abc import Sequence
from typing import Any, Final, Literal, TypeAlias, final

import numpy as np
from numpy.typing import NDArray

__version__: Final[str]

FALLBACK_NONE: Final[int]
FALLBACK_SESSION: Final[int]
FALLBACK_POPULAR: Final[int]

_AppliedEvent: TypeAlias = tuple[int, str, str, str, float, bool] | tuple[int, str, str, str, float, bool, int]
_RecentEvent: TypeAlias = tuple[str, float, bool] | tuple[str, float, bool, int]

class NotEncodedError(RuntimeError):
    """An answer needs a vector that is to be made outside of the core first: see `Engine.unencoded`."""

def simd_levels() -> list[str]:
    """Instruction-set levels this machine can run, best first; the last is always ``"scalar"``."""

def rating_epoch(
    ratings: tuple[NDArray[np.int64], NDArray[np.int32], NDArray[np.float32]],
    order: NDArray[np.int32],
    *,
    mean: float,
    user_biases: NDArray[np.float32],
    item_biases: NDArray[np.float32],
    users: NDArray[np.float32],
    items: NDArray[np.float32],
    implicit: NDArray[np.float32] | None = None,
    learning_rate: float,
    regularization: float,
) -> float:
    """One pass of SGD over ratings, user by user; returns the sum of the squared errors, each before its step.

    Predicts ``mean + b_u + b_i + <q_i, p_u + |N(u)|^-1/2 * sum over N(u) of y_j>`` (Koren 2008), without the sum where
    `implicit`, the y, is None. Changes the arrays in place; N(u) is what u rated.

    Parameters
    ----------
    ratings : CSR (U, N)
    order : int32 (n,)
        Users to visit.
    user_biases, item_biases : float32 (U,), float32 (N,)
    users, items, implicit : float32 (U, d), float32 (N, d), float32 (N, d)
    """

def bpr_epoch(
    positives: tuple[NDArray[np.int64], NDArray[np.int32], NDArray[np.float32]],
    *,
    users: NDArray[np.float32],
    items: NDArray[np.float32],
    seed: int,
    learning_rate: float,
    regularization: float,
) -> float:
    """One pass of Bayesian personalised ranking (Rendle 2009), a random step for each positive; returns its loss.

    Changes the arrays in place. The last column of `items` is a bias, that of `users` is 1 and stays so.

    Parameters
    ----------
    positives : CSR (U, N)
        With rising columns; the values do not matter.
    users, items : float32 (U, d), float32 (N, d)
    """

@final
class ExactIndex:
    """Exact maximum inner product search over float32 vectors.

    The ranking is that of the float64 inner product of the float32 inputs, summed in one fixed order, ties by lower
    row. The same bits come out at every instruction-set level and thread count. Searches that come while every core
    scans share the next pass; a search that finds a core free never waits.

    Parameters
    ----------
    vectors : float32 (N, d), C-contiguous
        Finite; N >= 0, 1 <= d <= 2048. Borrowed: the array is kept alive and must not be written to.
    threads : int
        Most threads that one search may use; 0 means one per core.
    level : str, optional
        One of `simd_levels`; by default the best one, or the one that ``RECSTREAM_SIMD_LEVEL`` names.

    Raises
    ------
    TypeError
        Another dtype or memory order.
    ValueError
        A shape out of range, or a non-finite row, named.
    """

    def __init__(self, vectors: NDArray[np.float32], *, threads: int = 0, level: str | None = None) -> None: ...
    def search(
        self,
        queries: NDArray[np.float32],
        k: int,
        *,
        exclude: Sequence[NDArray[np.int64]] | None = None,
        allow: NDArray[np.uint64] | None = None,
    ) -> tuple[NDArray[np.float32], NDArray[np.int64]]:
        """The k best rows for each query, best first.

        Parameters
        ----------
        queries : float32 (B, d), C-contiguous
        k : int
            At least 1.
        exclude : B arrays of int64, optional
            Rows that a query must not return; any order, unknown rows ignored.
        allow : uint64 (W,) or (B, W), optional
            Bitmap of eligible rows, shared or one a query: row r is bit ``r % 64`` of word ``r // 64``;
            W >= ceil(N / 64).

        Returns
        -------
        scores : float32 (B, k)
            Best first; ``-inf`` where fewer than k rows are eligible.
        rows : int64 (B, k)
            ``-1`` where fewer than k rows are eligible.
        """

    def rank(
        self, queries: NDArray[np.float32], candidates: NDArray[np.int64], k: int
    ) -> tuple[NDArray[np.float32], NDArray[np.int64]]:
        """The k best of each query's candidates, by the scores and in the order of `search`.

        Parameters
        ----------
        queries : float32 (B, d), C-contiguous
        candidates : int64 (B, n), C-contiguous
            Rows in any order; -1, repeated and deleted ones are left out, a row that never was is a ``ValueError``.
        k : int
            At least 1.

        Returns
        -------
        scores, rows : float32 (B, k), int64 (B, k)
            As those of `search`.
        """

    def vectors(self, rows: NDArray[np.int64]) -> NDArray[np.float32]:
        """Copy the vectors of rows, as they are now, into (len(rows), d); a deleted row still has its last one."""

    def upsert(self, rows: NDArray[np.int64], vectors: NDArray[np.float32]) -> None:
        """Set rows, or append new ones (without gaps); visible to every search that starts afterwards.

        The last of equal rows wins; a deleted row that is set comes back. A refused call changes nothing. The arrays
        are read with the GIL released, and more than once: no other thread may write to them during the call.
        """

    def delete(self, rows: NDArray[np.int64]) -> None:
        """Take rows out of every search that starts afterwards; rows already gone are ignored, unknown ones refused."""

    def stats(self) -> dict[str, int | float | str]:
        """What the index holds and has done.

        ``rows``, ``deleted``
            Row numbers in use, deleted ones included (the next new row has that number); those deleted.
        ``dimension``, ``level``
            Of the vectors; the instruction-set level in use.
        ``bytes``
            Memory of all it holds, the borrowed vectors and room for rows to come included.
        ``changed``, ``merges``
            Rows set since all were coded last, which a search scores one by one; how often they were coded anew in the
            background.
        ``scans``, ``passes``
            Queries answered by scanning, and the passes over the rows that it took: searches from several threads
            share passes, ``scans / passes`` queries in each on average.
        ``mean_scanned``
            Rows whose codes a query read, on average: fewer than there are where norms let a scan stop.
        ``mean_rescored``
            Rows that a query rescored in float64, on average.
        """

@final
class IdTable:
    """Text ids of rows 0 .. N-1, as one UTF-8 buffer.

    Parameters
    ----------
    utf8 : uint8 (bytes,)
    offsets : int64 (N + 1,)
        Row r is ``utf8[offsets[r]:offsets[r + 1]]``; rising from 0 to ``len(utf8)``. Ids are unique, not empty, at most
        128 bytes of valid UTF-8.
    """

    def __init__(self, utf8: NDArray[np.uint8], offsets: NDArray[np.int64]) -> None: ...
    def __len__(self) -> int: ...
    def find(self, text: str) -> int:
        """Row of an id, or -1."""

    def rows(self, ids: Sequence[str]) -> NDArray[np.int64]:
        """Rows of ids, -1 where unknown."""

    def ids(self, rows: NDArray[np.int64]) -> list[str]:
        """Ids of rows."""

@final
class UserEncoder:
    """Turns the items a user touched, with weights, into a vector.

    Deterministic: same input, same bits, at every instruction-set level. A positive weight is a preference
    of that confidence, a negative one an aversion (preference 0 with confidence ``|weight|``), zero has no influence.
    """

    def __init__(self, *args: object, **kwargs: object) -> None:
        """Not for callers: always a ``TypeError``."""

    @staticmethod
    def als_fold_in(
        item_vectors: NDArray[np.float32],
        *,
        unobserved_weight: float,
        regularization: float,
        regularization_exponent: float,
    ) -> UserEncoder:
        """The exact implicit-ALS half step for one user (Hu et al. 2008, with the objective of Rendle et al. 2021).

        Solves ``(a0 * V'V + sum |w_i| v_i v_i' + reg * (n + a0 * N) ** exponent * I) u = sum max(w_i, 0) v_i``
        by Cholesky in float64, where a0 is `unobserved_weight`, n the number of items with a weight, N that of all.
        """

    @staticmethod
    def decayed_pooling(item_vectors: NDArray[np.float32], *, half_life_events: float) -> UserEncoder:
        """``sum w_i 2^(-age_i / half_life) v_i / sum |w_i| 2^(-age_i / half_life)``; age counts events, newest 0."""

    @staticmethod
    def constant(vector: NDArray[np.float32]) -> UserEncoder:
        """The same vector for everybody (popularity)."""

    @staticmethod
    def outside(*, dimension: int, item_count: int, max_length: int, hears_aversions: bool) -> UserEncoder:
        """Stands for an encoder outside of the core: see `Engine.unencoded`.

        Parameters
        ----------
        max_length : int
            Distinct items that it is given, the latest; `Engine.max_history` does not cut them further.
        hears_aversions : bool
            Whether items of negative weight are among them. Items of weight zero never are.
        """

    def encode(self, rows: NDArray[np.int64], weights: NDArray[np.float32]) -> NDArray[np.float32] | None:
        """Vector (d,) for items given oldest first; None when no item has a weight (never for `constant`).

        For `als_fold_in` one weight must be positive: aversions alone say nothing of what is liked. Also None when
        weights beyond about 1e12 times the regularization leave no solution in float64.
        """

@final
class AttributeColumn:
    """One attribute of all items: its sorted distinct values, and the rows of each. Owns its memory."""

    def __init__(self, *args: object, **kwargs: object) -> None:
        """Not for callers: always a ``TypeError``."""

    @staticmethod
    def numbers(values: NDArray[np.float64]) -> AttributeColumn:
        """A number a row, float64 (N,); NaN where there is none, and never infinite."""

    @staticmethod
    def booleans(values: NDArray[np.int8]) -> AttributeColumn:
        """0 or 1 a row, int8 (N,); -1 where there is none."""

    @staticmethod
    def texts(utf8: NDArray[np.uint8], offsets: NDArray[np.int64], codes: NDArray[np.int32]) -> AttributeColumn:
        """A text a row.

        Parameters
        ----------
        utf8 : uint8 (bytes,)
        offsets : int64 (D + 1,)
            Distinct text v is ``utf8[offsets[v]:offsets[v + 1]]``; they rise strictly, byte by byte.
        codes : int32 (N,)
            Which of them a row has; -1 for none.
        """

    @staticmethod
    def text_lists(
        utf8: NDArray[np.uint8],
        offsets: NDArray[np.int64],
        codes: NDArray[np.int32],
        pointers: NDArray[np.int64],
        has_list: NDArray[np.uint8],
    ) -> AttributeColumn:
        """A list of texts a row: row r has ``codes[pointers[r]:pointers[r + 1]]``, or no list where has_list[r] is 0.

        Parameters
        ----------
        utf8, offsets
            As in `texts`.
        codes : int32 (n,)
        pointers : int64 (N + 1,)
        has_list : uint8 (N,)
        """

@final
class CompiledFilter:
    """The rows that pass a filter."""

    def __init__(self, *args: object, **kwargs: object) -> None:
        """Not for callers: always a ``TypeError``."""

    @property
    def count(self) -> int:
        """Rows that pass."""
    @property
    def rows(self) -> int:
        """Rows of the table that it was compiled for."""
    @property
    def words(self) -> NDArray[np.uint64]:
        """Read-only bitmap, uint64 (ceil(rows / 64),): row r is bit ``r % 64`` of word ``r // 64``."""

_Condition: TypeAlias = (
    tuple[str, Literal["equals_any"], Sequence[str] | Sequence[float] | Sequence[bool]]
    | tuple[str, Literal["range"], tuple[float, float]]
    | tuple[str, Literal["exists"], bool]
)

@final
class AttributeTable:
    """The attributes of all items, and the filters compiled over them.

    Parameters
    ----------
    columns : (name, AttributeColumn)
        Names are unique.
    rows : int
        Of each column.
    cache_bytes : int
        Compiled conditions and filters are kept up to this size; those used longest ago leave first.

    Raises
    ------
    ValueError
        Columns of another length, a name given twice, a negative number.
    """

    def __init__(self, columns: Sequence[tuple[str, AttributeColumn]], *, rows: int, cache_bytes: int) -> None: ...
    @property
    def kinds(self) -> dict[str, str]:
        """Of each attribute: ``text``, ``number``, ``boolean`` or ``list of text``."""

    def compile(
        self,
        *,
        all_of: Sequence[_Condition] = (),
        any_of: Sequence[_Condition] = (),
        none_of: Sequence[_Condition] = (),
    ) -> CompiledFilter:
        """The rows that meet all of `all_of`, one of `any_of` unless that is empty, and none of `none_of`.

        A row without a value meets ``exists`` False and nothing else. A list meets ``equals_any`` when one of its texts
        does. Both ends belong to a ``range``; infinity leaves one open. Texts are compared byte by byte.

        Raises
        ------
        TypeError
            Something else than such conditions, in lists or tuples.
        ValueError
            An attribute that is not there, a test that does not suit its kind, no values, or NaN.
        """

    def stats(self) -> dict[str, int]:
        """``rows``, ``bytes``, ``cache_entries``, ``cache_bytes``, ``cache_hits``, ``cache_misses``.

        ``bytes`` are those of the columns. Hits and misses count look-ups of whole filters and of their conditions.
        """

@final
class NeighbourScorer:
    """Scores items for a history by what is like it, instead of by a vector. Deterministic: same input, same bits.

    Sums are float64, in the order of the history. Matrices are CSR: row pointers int64, columns int32, values float32;
    borrowed, as in `ExactIndex`.
    """

    def __init__(self, *args: object, **kwargs: object) -> None:
        """Not for callers: always a ``TypeError``."""

    @staticmethod
    def items(similarity: tuple[NDArray[np.int64], NDArray[np.int32], NDArray[np.float32]]) -> NeighbourScorer:
        """``score(i) = sum over the history of w(h) * similarity(h, i)``.

        Parameters
        ----------
        similarity : CSR (N, N)
            Row h: what having h says of the other items.
        """

    @staticmethod
    def users(
        profiles: tuple[NDArray[np.int64], NDArray[np.int32], NDArray[np.float32]],
        votes: tuple[NDArray[np.int64], NDArray[np.int32], NDArray[np.float32]],
        *,
        item_count: int,
        neighbours: int,
        shrinkage: float,
    ) -> NeighbourScorer:
        """``score(i) = sum of s(v) * votes(v, i)`` over the `neighbours` users with the largest ``s(v)`` above 0.

        ``s(v) = sum over the history of w(h) * profiles(v, h) * n / (n + shrinkage)``, n counting the items that the
        history and v's profile have in common. Ties go to the lower user row. Items are alike by the cosine of their
        columns of `profiles`.

        Parameters
        ----------
        profiles, votes : CSR (U, N)
            What histories are matched with, and what the matched ones vote for.
        """

    def scores(self, rows: NDArray[np.int64], weights: NDArray[np.float32]) -> NDArray[np.float64]:
        """Score (N,) of each item for distinct items with weights; 0 where nothing speaks for or against it."""

@final
class Answer:
    """What `Engine.recommend` returns."""

    def __init__(self, *args: object, **kwargs: object) -> None:
        """Not for callers: always a ``TypeError``."""

    @property
    def item_ids(self) -> list[str]:
        """Best first; ties by lower row."""
    @property
    def scores(self) -> list[float]:
        """float32 scores of `item_ids`."""
    @property
    def rows(self) -> list[int]:
        """Catalogue rows of `item_ids`."""
    @property
    def state_version(self) -> int:
        """Version of the last event of the user, or of the session given with it, that is in the answer; 0 for none."""
    @property
    def fallback(self) -> int:
        """``FALLBACK_*``; equal to the numbers of ``recstream.v1.Fallback``."""
    @property
    def missing_item_ids(self) -> list[str]:
        """Candidates that the catalogue does not have, in the order given."""

@final
class Engine:
    """Catalogue, user state, and the one call that answers a query.

    User state is a deterministic fold of the events given to `apply`, on top of the history that the model was trained
    on: two engines that were given the same events in the same order answer with the same bits.

    Parameters
    ----------
    item_ids : IdTable of N items
    item_vectors : float32 (N, d)
        Borrowed, as in `ExactIndex`. None with `neighbours`, as are `user_vectors` and `encoder`.
    item_popularity : float32 (N,)
        For the popular fallback: larger first, ties by lower row.
    user_ids : IdTable of U users
    user_vectors : float32 (U, d)
        Used until the user's first event with a weight.
    history : (int64 (U + 1,), int32 (n,), float32 (n,)[, int64 (n,)])
        CSR of the items each user touched in training, oldest first: row pointers, item rows, weights, and where they
        are known times in Unix seconds. They count as seen.
    encoder : UserEncoder
    neighbours : NeighbourScorer
        Scores items in place of vectors, for the user's history as `encoder` would be given it; until the first event
        with a weight, for all of the training history. Equal scores go to the lower row, but scores of 0 by popularity.
    max_history : int
        Distinct items, latest kept, that a user's vector is made from. What is seen is never forgotten.
    max_sessions : int
        Sessions kept; those idle longest, counted in events, are dropped first.
    kept_list_bytes : int
        Memory for the best rows of users and sessions with live state, which answer most queries after a small change
        without a scan; those asked for longest ago are dropped first, 0 keeps none. The answers are the same.
    kept_list_min_items : int
        Catalogues with fewer items are scanned each time, which takes no longer.
    threads : int
        As in `ExactIndex`.
    trained_version : int
        Version of the log up to which `history` is made of the very events that `apply` is given; 0 when it is of other
        data. An item in both the history and the state of a user counts once: as training knew it while its last event
        is not above this version, from then on as all its events say.
    """

    def __init__(
        self,
        *,
        item_ids: IdTable,
        item_vectors: NDArray[np.float32] | None = None,
        item_popularity: NDArray[np.float32],
        user_ids: IdTable,
        user_vectors: NDArray[np.float32] | None = None,
        history: tuple[NDArray[np.int64], NDArray[np.int32], NDArray[np.float32]]
        | tuple[NDArray[np.int64], NDArray[np.int32], NDArray[np.float32], NDArray[np.int64]],
        encoder: UserEncoder | None = None,
        neighbours: NeighbourScorer | None = None,
        max_history: int = 1000,
        max_sessions: int = 1_000_000,
        kept_list_bytes: int = 67_108_864,
        kept_list_min_items: int = 100_000,
        threads: int = 0,
        trained_version: int = 0,
    ) -> None: ...
    def recommend(
        self,
        *,
        user_id: str = "",
        session_id: str = "",
        k: int = 10,
        candidates: Sequence[str] | None = None,
        candidate_rows: NDArray[np.int64] | None = None,
        exclude: Sequence[str] = (),
        exclude_seen: bool = True,
        recent_events: Sequence[_RecentEvent] = (),
        encoded: tuple[int, NDArray[np.float32]] | None = None,
        allow: CompiledFilter | None = None,
    ) -> Answer:
        """User state, vector, exclusions, scan and top K in one call.

        The vector comes from, in turn: the user's state or history with `recent_events` as its latest; without those,
        `recent_events` on top of the session (fallback SESSION); else popularity (fallback POPULAR). K items come back
        whenever K are eligible. What the user has seen, in training too, or in the session, or `recent_events` mark so,
        counts as seen whichever of them the vector comes from.

        Parameters
        ----------
        candidates : ids, optional
            Recommend from these only. Unknown ones are reported; given twice counts once.
        candidate_rows : int64 (n,), optional
            The same by row, for an approximate index that proposes; not together with `candidates`. Rows of -1, with
            which such indexes fill up, are ignored.
        recent_events : (item_id, weight, marks_seen[, time])
            Reflected in this answer only; the latest last. Items that the catalogue does not have are ignored.
        encoded : (state_version, float32 (d,)), optional
            The vector that `unencoded` asked for, with the version that it told. Not used if the state has changed
            since, or holds a vector; without `recent_events` it is kept for later queries.
        allow : CompiledFilter, optional
            Rows that may be recommended; candidates that do not pass are left out. ``ValueError`` when it was compiled
            for another number of rows.

        Raises
        ------
        NotEncodedError
            The encoder is outside of the core, and the vector has yet to be made: see `unencoded`.
        """

    def recommend_many(self, requests: list[dict[str, Any]]) -> list[Answer | Exception]:
        """As `recommend` for each of the requests, which share scans.

        Parameters
        ----------
        requests : list of dict
            Keyword arguments of `recommend`.

        Returns
        -------
        list of Answer or Exception
            In the order of the requests, to the bit what `recommend` returns for each alone, or what it raises.
        """

    def user_vector(
        self,
        *,
        user_id: str = "",
        session_id: str = "",
        recent_events: Sequence[_RecentEvent] = (),
        encoded: tuple[int, NDArray[np.float32]] | None = None,
    ) -> tuple[NDArray[np.float32] | None, int]:
        """The vector that `recommend` would use and how many of the items are seen.

        None for the popular fallback, and with `neighbours`. Takes `encoded`, and raises, as `recommend` does.
        """

    def unencoded(
        self, *, user_id: str = "", session_id: str = "", recent_events: Sequence[_RecentEvent] = ()
    ) -> tuple[int, NDArray[np.int64], NDArray[np.float32], NDArray[np.int64]] | None:
        """What has to be encoded outside of the core before `recommend` can answer; None when nothing has.

        Returns
        -------
        (int, int64 (n,), float32 (n,), int64 (n,)) or None
            State version, to be handed back with the vector; then n >= 1 distinct item rows, oldest first, with the sum
            of their weights and the Unix seconds of the latest event on each, 0 where nobody knows.
        """

    def similar(self, item_id: str, k: int, *, allow: CompiledFilter | None = None) -> Answer:
        """The k items most like an item, without itself; ``KeyError`` for an unknown item.

        By the cosine of their vectors, or by `neighbours`. With `allow`, of those that pass.
        """

    def apply(self, events: Sequence[_AppliedEvent]) -> None:
        """Fold events into the state: (state_version, user_id, session_id, item_id, weight, marks_seen[, time]).

        Versions rise strictly, also from call to call (else ``ValueError``, and nothing is applied). Either id may be
        empty, not both. Weights are finite in float32; those of repeated events on an item add up. Times are
        Unix seconds; left out, or 0, where nobody knows. Items that the
        catalogue does not have are kept for a later catalogue. Calls are serialised; when one returns, every later
        `recommend` reflects it.
        """

    @property
    def state_version(self) -> int:
        """Version of the last event applied; 0 at first."""

    def snapshot(self) -> memoryview:
        """The state, independent of the model and of row numbers, as read-only bytes.

        Consistent at one `state_version`, which may be that of events applied meanwhile. Those wait for a fraction of a
        millisecond at a time, and other threads of Python not at all, also when the bytes are let go.
        """

    def restore(self, snapshot: bytes | bytearray | memoryview) -> None:
        """Replace the state by a snapshot; ``ValueError`` when it is damaged, and nothing is changed."""

    def stats(self) -> dict[str, int]:
        """``items``, ``users_known``, ``users_in_state``, ``sessions_in_state``, ``state_version``, ``state_bytes``.

        And ``list_queries``, the queries that a kept list was looked for, ``list_answers``, those of them that one
        answered without a scan, and ``list_bytes``.
        """
