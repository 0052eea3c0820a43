"""ListModels and GetModel over a real channel."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import grpc

from recstream.bundle import load_bundle
from recstream.v1 import model_service_pb2 as model_pb

Fixture = Callable[..., Any]


def test_the_model_is_described(server: Any, bundle_path: Path) -> None:
    manifest = load_bundle(bundle_path).manifest
    listed = server.model.ListModels(model_pb.ListModelsRequest())
    assert listed.next_page_token == ""
    (model,) = listed.models
    assert (model.version.name, model.version.version) == ("synthetic-als", manifest.version)
    assert (model.family, model.retrieval) == ("als", "exact")
    assert (model.item_count, model.user_count, model.dimension) == (200, 20, 8)
    assert dict(model.metrics) == {"ndcg@10": 0.25}
    assert model.create_time.ToSeconds() == int(manifest.created_at.timestamp())
    assert server.model.GetModel(model_pb.GetModelRequest(name="synthetic-als")).model == model


def test_an_unknown_model_is_not_found(server: Any, fault_of: Fixture) -> None:
    fault = fault_of(lambda: server.model.GetModel(model_pb.GetModelRequest(name="another")))
    assert (fault.code, fault.reason) == (grpc.StatusCode.NOT_FOUND, "MODEL_NOT_FOUND")


def test_bad_requests_name_their_fields(server: Any, fault_of: Fixture) -> None:
    assert fault_of(lambda: server.model.GetModel(model_pb.GetModelRequest())).fields == ["name"]
    request = model_pb.ListModelsRequest(page_size=-1, page_token="x")
    assert fault_of(lambda: server.model.ListModels(request)).fields == ["page_size", "page_token"]
