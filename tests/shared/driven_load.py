"""Load on a test's server, by real worker processes."""

from typing import Any

from recstream.bundle.ids import encode_ids
from recstream.load.fleet import Fleet
from recstream.load.population import Population
from recstream.load.results import StageResult
from recstream.load.schedule import Stage
from recstream.load.settings import Kind, LoadSettings
from recstream.v1.recommendation_service_pb2 import RecommendItemsResponse
from recstream.v1.types_pb2 import Recommendation

POPULATION = Population(
    users=encode_ids("users", [f"u{number}" for number in range(100)]),
    items=encode_ids("items", [f"i{number}" for number in range(50)]),
)


def answer_of(size: int, length: int = 4) -> RecommendItemsResponse:
    """An answer of so many items, with ids of so many characters."""
    items = [Recommendation(item_id=f"{number:0{length}d}", score=number) for number in range(size)]
    return RecommendItemsResponse(recommendations=items)


def drive(target: str, stage: Stage, mix: dict[Kind, float] | None = None, **fields: Any) -> StageResult:
    """Run one stage."""
    settings = LoadSettings(target=target, mix=mix or {Kind.RECOMMEND: 1.0}, **fields)
    with Fleet(settings, POPULATION) as fleet:
        return fleet.run(stage)
