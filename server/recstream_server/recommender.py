"""Where the engine's work runs: on the event loop when it is short, in a worker thread when it is not."""

import asyncio
from collections.abc import Callable, Sequence
from concurrent.futures import Executor
from itertools import count
from typing import TypeVar

from recstream._core import Answer, NotEncodedError
from recstream_server.queries import RecommendQuery, SimilarQuery
from recstream_server.retrieval import Found
from recstream_server.served_model import ServedModel

_Query = TypeVar("_Query")
_Request = TypeVar("_Request")
_Result = TypeVar("_Result")


class Recommender:
    """Answers queries without holding up the event loop.

    Handing a query to a thread and back takes 45 us, where a scan of 3,706 x 64 takes 15 us and one of 100,000 x 64
    40 to 180 us, by the norms. So threads are for models whose longest query would hold up everybody else, and for
    users who must be encoded by a neural network first.

    Parameters
    ----------
    model : ServedModel
    executor : Executor
    scanners : Executor
        As many threads as queries of a batch shall share a scan; used where that is worth a thread.
    inline_multiply_adds : int
        Longest query to run on the loop.
    """

    def __init__(self, model: ServedModel, executor: Executor, scanners: Executor, inline_multiply_adds: int) -> None:
        self.model = model
        self._executor = executor
        self._scanners = scanners
        self._is_short = model.query_multiply_adds <= inline_multiply_adds

    async def recommend(self, query: RecommendQuery) -> Found:
        """Answer a query; raises as `ServedModel.encode_and_recommend` does."""
        try:
            return await self._run(self.model.recommend, query)
        except NotEncodedError:
            return await asyncio.get_running_loop().run_in_executor(
                self._executor, self.model.encode_and_recommend, query
            )

    async def answer_each(
        self, answer: Callable[[int, _Request], _Result], requests: Sequence[_Request]
    ) -> list[_Result]:
        """Have each request of a batch answered, given its place in it, off the loop; the answers are in their order.

        Long queries are answered in many threads at once, because searches that wait together share a scan.

        Parameters
        ----------
        answer : callable
            May call `recommend_here`.
        requests : sequence
        """
        each = map if self._is_short else self._scanners.map
        return await asyncio.get_running_loop().run_in_executor(
            self._executor, lambda: list(each(answer, count(), requests))
        )

    def recommend_here(self, query: RecommendQuery) -> Found:
        """Answer a query in the caller's thread, as `recommend` would."""
        try:
            return self.model.recommend(query)
        except NotEncodedError:
            return self.model.encode_and_recommend(query)

    async def similar(self, query: SimilarQuery) -> Answer:
        """Find the neighbours of an item; raises as `ServedModel.similar` does."""
        return await self._run(self.model.similar, query)

    async def _run(self, work: Callable[[_Query], _Result], query: _Query) -> _Result:
        if self._is_short:
            return work(query)
        return await asyncio.get_running_loop().run_in_executor(self._executor, work, query)
