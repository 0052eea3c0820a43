import asyncio
from typing import Any

from driven_load import answer_of

from recstream.load.links import Links


def test_connections_take_turns_and_one_that_is_lost_is_replaced(serve_slowly) -> None:
    async def body(target: str) -> None:
        links = Links(target, 2, timeout_s=20)
        await links.open()
        first, second = links.next(), links.next()
        assert first is not second
        assert links.next() is first
        first.close()
        async with asyncio.timeout(20):
            while first in (links.next(), links.next()):
                await asyncio.sleep(0.01)
        assert second in (links.next(), links.next())
        await links.close()

    def recommend(request: Any, context: Any) -> Any:
        return answer_of(request.page_size)

    asyncio.run(body(serve_slowly(RecommendItems=recommend)))
