"""The requests of ModelService."""

from recstream.v1 import model_service_pb2 as model_pb
from recstream_server.queries import ListModelsQuery
from recstream_server.settings import LimitSettings
from recstream_server.validation import page_token
from recstream_server.validation.violations import Violations

DEFAULT_PAGE_SIZE = 100

_SCOPE = "models"


def check_list_models(request: model_pb.ListModelsRequest, limits: LimitSettings) -> ListModelsQuery:
    """Check a query for a page of the models; `InvalidArgumentError` names every field at fault."""
    found = Violations(limits.id_bytes)
    page_size = found.page_size(request.page_size, default=DEFAULT_PAGE_SIZE, limit=limits.page_size)
    offset = page_token.check(found, _SCOPE, request.page_token)
    found.raise_if_any()
    return ListModelsQuery(page_size, offset or 0)


def check_get_model(request: model_pb.GetModelRequest, limits: LimitSettings) -> str:
    """Check a query for one model; its name."""
    found = Violations(limits.id_bytes)
    found.text_id("name", request.name, required=True)
    found.raise_if_any()
    return request.name


def models_page_token(offset: int) -> str:
    """Token of the page that begins at `offset`."""
    return page_token.encode(_SCOPE, offset)
