"""The picture of `recstream watch`: the latest list, how each item moved, and why the list was sent."""

from contextlib import ExitStack
from datetime import datetime
from types import TracebackType
from typing import Self

from rich.console import Group
from rich.live import Live
from rich.text import Text

from recstream.cli.tables import make_console, recommendation_table
from recstream.v1.recommendation_service_pb2 import WatchRecommendationsResponse

_CAUSES = {
    WatchRecommendationsResponse.CAUSE_INITIAL: "first list",
    WatchRecommendationsResponse.CAUSE_EVENT: "an event changed the list",
}


class WatchScreen:
    """Redraws in place on a terminal, prints one list after the other elsewhere."""

    def __init__(self) -> None:
        self._console = make_console()
        self._live = Live(console=self._console, auto_refresh=False) if self._console.is_terminal else None
        self._before: list[str] | None = None
        self._open = ExitStack()

    def __enter__(self) -> Self:
        if self._live is not None:
            self._open.enter_context(self._live)
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._open.close()

    def show(self, update: WatchRecommendationsResponse) -> None:
        """Draw a list that was pushed."""
        picture = self._picture(update)
        if self._live is not None:
            self._live.update(picture, refresh=True)
        else:
            self._console.print(picture)
        self._before = [item.item_id for item in update.recommendation.recommendations]

    def _picture(self, update: WatchRecommendationsResponse) -> Group:
        cause = _CAUSES.get(update.cause, "the list changed")
        now = datetime.now().astimezone().strftime("%H:%M:%S")
        heading = f"{now}  {cause}, state version {update.recommendation.state_version}"
        return Group(
            Text(heading, style="bold"),
            recommendation_table(update.recommendation.recommendations, before=self._before),
        )
