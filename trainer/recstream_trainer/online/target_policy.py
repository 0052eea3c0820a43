"""What a bundle would have shown, had it been served when the impressions were made."""

from collections.abc import Iterator
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

from recstream._core import Answer, Engine, NotEncodedError
from recstream.bundle import Bundle, OnnxEncoder
from recstream.bundle.engine import build_engine
from recstream.bundle.onnx_runner import History, OnnxRunner
from recstream.errors import DataError
from recstream.event_log_format import LogPlace
from recstream.event_types import EventTypes

_ANSWER = ("as_of", "user", "session")
_LONGEST_LIST = 1000
_Event = tuple[int, str, str, str, float, bool, int]


def not_trained_on(shown: pl.DataFrame, bundle: Bundle, place: LogPlace) -> pl.DataFrame:
    """The impressions after those that a bundle was trained on: of these it knows what came of them.

    Raises
    ------
    DataError
        There are none.
    """
    trained = bundle.manifest.data.log
    if trained is None or trained.log_id != place.log_id:
        return shown
    left = shown.filter(pl.col("version") > trained.version)
    if left.is_empty():
        raise DataError(
            f"{bundle.manifest.name} was trained on this log, up to event {trained.version:,}, and no impression with "
            "a propensity came after that: it knows what people clicked; judge it on a log that goes on"
        )
    return left


def would_show(bundle: Bundle, shown: pl.DataFrame, events: pl.DataFrame, place: LogPlace) -> NDArray[np.bool_]:
    """Whether a bundle's list has the item of each impression at its place.

    The log is folded up to the event that the answer came from (the impression itself, where nobody knows), and the
    bundle asked for the best items of the person, without those seen, as a server does by default.

    Parameters
    ----------
    bundle : Bundle
    shown : polars.DataFrame
        Impressions.
    events : polars.DataFrame
        Of the whole log.
    place : LogPlace
        Where the log ends.

    Returns
    -------
    bool (n,)
        In the order of `shown`.
    """
    trained = bundle.manifest.data.log
    known = trained is not None and trained.log_id == place.log_id and trained.version <= place.version
    replay = _Replay(bundle, events, trained.version if known and trained is not None else 0)
    as_of = pl.col("state_version").fill_null(pl.col("version") - 1)
    answers = shown.with_columns(as_of=as_of, row=pl.int_range(pl.len())).sort("as_of", maintain_order=True)
    matches = np.zeros(len(shown), dtype=np.bool_)
    for (version, user, session), part in answers.group_by(_ANSWER, maintain_order=True):
        longest = min(int(part["position"].max()), _LONGEST_LIST)  # type: ignore[arg-type]
        listed = replay.listed(int(str(version)), str(user), str(session), longest)
        for row, item, position in part.select("row", "item", "position").iter_rows():
            matches[row] = position <= len(listed) and listed[position - 1] == item
    return matches


class _Replay:
    """A bundle's engine that is taken through the log."""

    def __init__(self, bundle: Bundle, events: pl.DataFrame, trained_version: int) -> None:
        self._engine: Engine = build_engine(bundle, trained_version=trained_version, kept_list_bytes=0)
        self._runner = None
        if isinstance(bundle.encoder, OnnxEncoder) and bundle.onnx is not None:
            self._runner = OnnxRunner(bundle.onnx, bundle.encoder, item_count=bundle.manifest.item_count, threads=1)
        self._events = _applied(events, _types_of(bundle))
        self._next: _Event | None = next(self._events, None)

    def listed(self, version: int, user: str, session: str, count: int) -> list[str]:
        """The best items after the events up to a version, which never falls from call to call."""
        due = []
        while self._next is not None and self._next[0] <= version:
            due.append(self._next)
            self._next = next(self._events, None)
        self._engine.apply(due)
        subject: dict[str, Any] = {"user_id": user, "session_id": session}
        try:
            answer: Answer = self._engine.recommend(**subject, k=count)
        except NotEncodedError:
            answer = self._engine.recommend(**subject, k=count, encoded=self._encoded(subject))
        return answer.item_ids

    def _encoded(self, subject: dict[str, Any]) -> tuple[int, NDArray[np.float32]] | None:
        told = self._engine.unencoded(**subject)
        if told is None or self._runner is None:
            return None
        return told[0], self._runner.encode([History(*told[1:])])[0]


def _applied(events: pl.DataFrame, types: EventTypes) -> Iterator[_Event]:
    columns = ("version", "user", "session", "item", "type", "value", "time_us")
    for version, user, session, item, kind, value, time_us in events.select(columns).iter_rows():
        yield version, user, session, item, *types.resolve(kind, value), max(time_us // 1_000_000, 0)


def _types_of(bundle: Bundle) -> EventTypes:
    """What events weigh, as the bundle's training was told."""
    # Settings are slow to import.
    from recstream_trainer.config import DataSettings  # noqa: PLC0415

    noted = bundle.manifest.training.config.get("data", {})
    return DataSettings.model_validate(noted).cleaning_rules().event_types
