"""From requests to queries: pure functions that find everything wrong with a request, each by the path of its field."""

from recstream_server.validation.model import check_get_model, check_list_models
from recstream_server.validation.recommendation import RecommendationChecks
from recstream_server.validation.user_event import UserEventChecks

__all__ = ["RecommendationChecks", "UserEventChecks", "check_get_model", "check_list_models"]
