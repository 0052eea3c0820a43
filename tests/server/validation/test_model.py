"""Every field of the requests of ModelService."""

from collections.abc import Callable
from functools import partial

import pytest
from recstream_server.settings import LimitSettings
from recstream_server.validation import check_get_model, check_list_models
from recstream_server.validation.model import models_page_token
from recstream_server.validation.user_event import events_page_token

from recstream.v1 import model_service_pb2 as model_pb

Faults = Callable[..., dict[str, str]]


@pytest.mark.parametrize(
    ("fields", "path"),
    [
        ({"page_size": -1}, "page_size"),
        ({"page_token": "x"}, "page_token"),
        ({"page_token": events_page_token("", 1)}, "page_token"),
    ],
)
def test_list_names_the_field_at_fault(limits: LimitSettings, faults: Faults, fields: dict, path: str) -> None:
    assert list(faults(partial(check_list_models, limits=limits), model_pb.ListModelsRequest(**fields))) == [path]


def test_list_goes_on_where_the_token_says(limits: LimitSettings) -> None:
    assert check_list_models(model_pb.ListModelsRequest(page_token=models_page_token(3)), limits) == (100, 3)


@pytest.mark.parametrize("name", ["", "x" * 129])
def test_get_names_the_field_at_fault(limits: LimitSettings, faults: Faults, name: str) -> None:
    assert list(faults(partial(check_get_model, limits=limits), model_pb.GetModelRequest(name=name))) == ["name"]
