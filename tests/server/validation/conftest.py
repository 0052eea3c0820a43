"""The checks with their default limits, and a way to see what they object to."""

from collections.abc import Callable
from typing import Any

import pytest
from recstream_server.settings import LimitSettings
from recstream_server.validation import RecommendationChecks, UserEventChecks

from recstream.errors import InvalidArgumentError
from recstream.event_types import EventTypes

NOW_NS = 1_700_000_000_123_456_789


@pytest.fixture(scope="session")
def limits() -> LimitSettings:
    return LimitSettings()


@pytest.fixture(scope="session")
def checks(limits: LimitSettings) -> RecommendationChecks:
    return RecommendationChecks(limits, EventTypes(), now_ns=lambda: NOW_NS)


@pytest.fixture(scope="session")
def event_checks(limits: LimitSettings) -> UserEventChecks:
    return UserEventChecks(limits, EventTypes(), now_ns=lambda: NOW_NS)


@pytest.fixture(scope="session")
def faults() -> Callable[..., dict[str, str]]:
    """What a check objects to: field -> description; empty when it accepts the request."""

    def of(check: Callable[[Any], Any], request: Any) -> dict[str, str]:
        try:
            check(request)
        except InvalidArgumentError as error:
            return dict(error.violations)
        return {}

    return of
