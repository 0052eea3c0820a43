"""Whether the answers are right, and what an echo answers."""

from pathlib import Path

import grpc
import numpy as np

from benchmarks.serving.catalogues import Catalogue
from benchmarks.serving.driver import RECOMMEND, STREAM
from benchmarks.serving.processes import ServerProcess
from recstream.client.requests import recommend_request
from recstream.v1 import recommendation_service_pb2 as rec_pb

CHECKED_USERS = 64
ROUNDING = 1e-5
"""Of a score, beside the largest of the answer: float32 may put items in another order that are so close."""
WAIT_S = 20.0


def recall(server: ServerProcess, catalogue: Catalogue, k: int) -> float:
    """Share of the exact top K that unary calls and a stream find; a stream must answer as the calls do."""
    users = [int(user) for user in catalogue.users(CHECKED_USERS)]
    requests = [recommend_request(catalogue.bundle.user_ids[user], page_size=k) for user in users]
    with grpc.insecure_channel(server.target) as channel:
        call = channel.unary_unary(
            RECOMMEND, rec_pb.RecommendItemsRequest.SerializeToString, rec_pb.RecommendItemsResponse.FromString
        )
        answers = [call(request, timeout=WAIT_S) for request in requests]
        stream = channel.stream_stream(
            STREAM, rec_pb.StreamingRecommendRequest.SerializeToString, rec_pb.StreamingRecommendResponse.FromString
        )
        messages = [rec_pb.StreamingRecommendRequest(sequence=n, recommend=one) for n, one in enumerate(requests, 1)]
        streamed = list(stream(iter(messages), timeout=WAIT_S))
    if [answer.sequence for answer in streamed] != list(range(1, len(users) + 1)):
        raise AssertionError(f"the stream answered {len(streamed)} of {len(users)} messages, or in another order")
    both = [*zip(users, answers, strict=True), *((u, a.recommendation) for u, a in zip(users, streamed, strict=True))]
    return float(np.mean([share(catalogue, user, answer, k) for user, answer in both]))


def share(catalogue: Catalogue, user: int, answer: rec_pb.RecommendItemsResponse, k: int) -> float:
    """Of the exact top K in an answer; raises when it has an item twice, or in a place that is not by its score."""
    rows = [catalogue.rows_of_items[one.item_id] for one in answer.recommendations]
    scores = catalogue.scores(user)[rows]
    if len(set(rows)) < len(rows) or np.any(np.diff(scores) > ROUNDING * np.abs(scores).max(initial=0.0)):
        raise AssertionError(
            f"the answer to user {catalogue.bundle.user_ids[user]!r} repeats an item, or is in no order"
        )
    return len(set(rows) & catalogue.expected(user, k)) / k


def keep_answers(server: ServerProcess, catalogue: Catalogue, k: int, folder: Path) -> tuple[Path, Path]:
    """Files with one real answer, unary and as the message of a stream: what an echo sends."""
    request = recommend_request(catalogue.bundle.user_ids[int(catalogue.users(1)[0])], page_size=k)
    with grpc.insecure_channel(server.target) as channel:
        answer = channel.unary_unary(RECOMMEND)(request.SerializeToString(), timeout=WAIT_S)
    message = rec_pb.StreamingRecommendResponse(
        sequence=1, recommendation=rec_pb.RecommendItemsResponse.FromString(answer)
    )
    paths = folder / f"{catalogue.name}-{k}-unary", folder / f"{catalogue.name}-{k}-streamed"
    for path, content in zip(paths, (answer, message.SerializeToString()), strict=True):
        path.write_bytes(content)
    return paths
