"""Statuses of a real channel come back as the errors they were made from."""

from collections.abc import Callable
from typing import Any

import grpc
import pytest
from google.protobuf.duration_pb2 import Duration
from google.rpc.error_details_pb2 import BadRequest, ErrorInfo, RetryInfo
from google.rpc.status_pb2 import Status

from recstream import errors
from recstream.client import ChannelSettings, Client
from recstream.client.statuses import error_of_status
from recstream.v1.recommendation_service_pb2 import RecommendItemsResponse

Serve = Callable[..., str]
ONCE = ChannelSettings(attempts=1)


def status(code: grpc.StatusCode, message: str, *details: Any) -> Status:
    result = Status(code=code.value[0], message=message)
    for detail in details:
        result.details.add().Pack(detail)
    return result


def failing(answer: Status) -> Callable[..., Any]:
    def handler(request: Any, context: grpc.ServicerContext) -> Any:
        code = next(code for code in grpc.StatusCode if code.value[0] == answer.code)
        context.set_trailing_metadata((("grpc-status-details-bin", answer.SerializeToString()),))
        context.abort(code, answer.message)

    return handler


CLASSES = {
    grpc.StatusCode.NOT_FOUND: errors.NotFoundError,
    grpc.StatusCode.ALREADY_EXISTS: errors.AlreadyExistsError,
    grpc.StatusCode.FAILED_PRECONDITION: errors.StateVersionError,
    grpc.StatusCode.RESOURCE_EXHAUSTED: errors.OverloadedError,
    grpc.StatusCode.UNAVAILABLE: errors.UnavailableError,
    grpc.StatusCode.DEADLINE_EXCEEDED: errors.DeadlineError,
    grpc.StatusCode.INTERNAL: errors.RecstreamError,
    grpc.StatusCode.UNAUTHENTICATED: errors.RecstreamError,
}


@pytest.mark.parametrize("code", CLASSES, ids=lambda code: code.name)
def test_each_status_has_its_error(serve: Serve, code: grpc.StatusCode) -> None:
    answer = status(code, "what and why", ErrorInfo(reason="SOME_REASON", domain="recstream"))
    with (
        Client(serve(RecommendItems=failing(answer)), settings=ONCE) as client,
        pytest.raises(errors.RecstreamError, match=r"^what and why$") as caught,
    ):
        client.recommend_items("u")
    assert type(caught.value) is CLASSES[code]
    assert caught.value.reason == "SOME_REASON"


def test_field_violations_come_back(serve: Serve) -> None:
    bad = BadRequest(
        field_violations=[
            BadRequest.FieldViolation(field="page_size", description="is -1; must be 0 to 1000"),
            BadRequest.FieldViolation(field="user_id", description="has 200 bytes; must be at most 128"),
        ]
    )
    answer = status(grpc.StatusCode.INVALID_ARGUMENT, "bad", ErrorInfo(reason="INVALID_FIELD", domain="recstream"), bad)
    with Client(serve(RecommendItems=failing(answer))) as client, pytest.raises(errors.InvalidArgumentError) as caught:
        client.recommend_items("u", page_size=-1)
    assert caught.value.violations == (
        ("page_size", "is -1; must be 0 to 1000"),
        ("user_id", "has 200 bytes; must be at most 128"),
    )
    assert str(caught.value).startswith("page_size: is -1; must be 0 to 1000; user_id: ")


def test_an_overloaded_server_says_when_to_try_again(serve: Serve) -> None:
    answer = status(
        grpc.StatusCode.RESOURCE_EXHAUSTED,
        "the queue is full",
        ErrorInfo(reason="OVERLOADED", domain="recstream"),
        RetryInfo(retry_delay=Duration(seconds=1, nanos=500_000_000)),
    )
    with Client(serve(RecommendItems=failing(answer))) as client, pytest.raises(errors.OverloadedError) as caught:
        client.recommend_items("u")
    assert caught.value.retry_after_s == 1.5


def test_an_answer_too_large_is_no_overload(serve: Serve) -> None:
    def huge(request: Any, context: grpc.ServicerContext) -> Any:
        return RecommendItemsResponse(missing_item_ids=["x" * 100] * 100)

    with (
        Client(serve(RecommendItems=huge), settings=ChannelSettings(max_message_bytes=1000)) as client,
        pytest.raises(errors.RecstreamError) as caught,
    ):
        client.recommend_items("u")
    assert caught.value.reason == "RESOURCE_EXHAUSTED"
    assert not isinstance(caught.value, errors.OverloadedError)


@pytest.mark.parametrize("code", [grpc.StatusCode.INVALID_ARGUMENT, grpc.StatusCode.NOT_FOUND, grpc.StatusCode.ABORTED])
def test_a_status_without_details_still_has_its_error(serve: Serve, code: grpc.StatusCode) -> None:
    def handler(request: Any, context: grpc.ServicerContext) -> Any:
        context.abort(code, "from a proxy")

    with (
        Client(serve(RecommendItems=handler)) as client,
        pytest.raises(errors.RecstreamError, match="from a proxy") as caught,
    ):
        client.recommend_items("u")
    assert isinstance(caught.value, CLASSES.get(code, errors.RecstreamError))


def test_details_that_are_not_a_status_are_passed_over(serve: Serve) -> None:
    def handler(request: Any, context: grpc.ServicerContext) -> Any:
        context.set_trailing_metadata((("grpc-status-details-bin", b"\xff\xff\xff"),))
        context.abort(grpc.StatusCode.NOT_FOUND, "no such item")

    with Client(serve(FindSimilarItems=handler)) as client, pytest.raises(errors.NotFoundError, match="no such item"):
        client.find_similar_items("7")


def test_a_server_without_the_call_is_named(serve: Serve) -> None:
    target = serve()
    with (
        Client(target) as client,
        pytest.raises(errors.RecstreamError, match=f"the server at {target} does not know this call"),
    ):
        client.get_model("m")


def test_no_server_is_named_with_the_remedy(free_port: int) -> None:
    with (
        Client(f"127.0.0.1:{free_port}", settings=ONCE) as client,
        pytest.raises(errors.UnavailableError, match=f"127.0.0.1:{free_port}; check that it runs there"),
    ):
        client.recommend_items("u")


def test_a_code_of_the_future_is_an_error() -> None:
    assert type(error_of_status(Status(code=99, message="?"))) is errors.RecstreamError
