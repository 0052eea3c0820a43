"""The only place that constructs: makes the server's parts from its settings, connects them, takes them down again."""

import asyncio
from collections.abc import Callable
from concurrent.futures import Executor, ThreadPoolExecutor
from contextlib import ExitStack, closing
from typing import cast

import grpc
import structlog
from grpc_health.v1 import health, health_pb2_grpc
from grpc_health.v1.health_pb2 import HealthCheckResponse
from grpc_reflection.v1alpha import reflection, reflection_pb2_grpc

from recstream._core import Engine
from recstream.bundle import Bundle, OnnxEncoder, load_bundle
from recstream.bundle.attribute_table import build_attribute_table
from recstream.bundle.engine import build_engine
from recstream.bundle.onnx_runner import OnnxRunner
from recstream.errors import ConfigurationError
from recstream.event_types import EventType, EventTypes
from recstream.v1.model_service_pb2_grpc import add_ModelServiceServicer_to_server
from recstream.v1.recommendation_service_pb2_grpc import add_RecommendationServiceServicer_to_server
from recstream.v1.user_event_service_pb2_grpc import add_UserEventServiceServicer_to_server
from recstream_server import interpreter
from recstream_server.draining import Draining
from recstream_server.event_log import EventLog, SqliteEventLog
from recstream_server.event_sink import EventSink
from recstream_server.event_source import result_name
from recstream_server.event_writer import EventWriter
from recstream_server.interceptors.admission import Admission
from recstream_server.interceptors.calls import GuardedHandlers
from recstream_server.item_filters import ItemFilters
from recstream_server.lifecycle import drain, stop_signals, until_stopped
from recstream_server.listener import bind, check_free, inner_server_options, server_options
from recstream_server.native_front import NativeFront, uses_native_front
from recstream_server.recommender import Recommender
from recstream_server.recovery import recover
from recstream_server.retrieval import Retrieval
from recstream_server.retrieval.exact import ExactRetrieval
from recstream_server.retrieval.faiss import FaissRetrieval
from recstream_server.served_model import ServedModel
from recstream_server.services.batch import BatchRecommendItems, BatchWriteUserEvents
from recstream_server.services.model import ModelService
from recstream_server.services.recommendation import RecommendationService
from recstream_server.services.streaming import StreamingRecommend
from recstream_server.services.user_event import UserEventService
from recstream_server.services.watch import WatchRecommendations
from recstream_server.settings import EncoderSettings, EventSettings, Settings
from recstream_server.snapshots import SnapshotStore, Snapshotter
from recstream_server.state_directory import StateDirectory
from recstream_server.telemetry.calls import CallRecords
from recstream_server.telemetry.endpoint import TelemetryEndpoint
from recstream_server.telemetry.metrics import Metrics
from recstream_server.tls import TlsFiles, load_tls
from recstream_server.trained_events import trained_version
from recstream_server.user_encoding import UserEncoding
from recstream_server.validation import RecommendationChecks, UserEventChecks
from recstream_server.watch_hub import WatchHub

_LOGGER = structlog.get_logger(__name__)

_RECOMMENDATION_SERVICE = "recstream.v1.RecommendationService"
_USER_EVENT_SERVICE = "recstream.v1.UserEventService"
_MODEL_SERVICE = "recstream.v1.ModelService"
# Half of what may share a pass of the core over the items; they sleep while one of them scans.
_SCANNERS = 32

_SERVICES = (_RECOMMENDATION_SERVICE, _USER_EVENT_SERVICE, _MODEL_SERVICE)


def serve(settings: Settings, announce: Callable[[str], None]) -> None:
    """Serve until SIGTERM or SIGINT.

    Parameters
    ----------
    settings : Settings
    announce : callable
        Given one line when the server is ready.

    Raises
    ------
    ConfigurationError, BundleError
        The server cannot start.
    """
    check_free(settings.listen.address)
    tls = load_tls(settings.tls)
    event_types = _event_types(settings.events)
    with ExitStack() as parts:
        state = parts.enter_context(closing(StateDirectory(settings.state)))
        metrics = Metrics(slow_step_ms=settings.log.slow_step_ms)
        parts.enter_context(metrics.steps.watching_collector())
        durability, timed = settings.events.durability, metrics.steps.time
        log = parts.enter_context(closing(SqliteEventLog(state.events_file, durability=durability, timed=timed)))
        model = _load_model(settings, metrics, log)
        limits_of_state = f"{event_types.fingerprint} {settings.engine.max_history} {settings.engine.max_sessions}"
        snapshots = SnapshotStore(state.path, limits_of_state)
        recovered = recover(log, model.engine, event_types, snapshots)
        _LOGGER.info("state_recovered", **recovered._asdict())
        # Closed after the writer, so that the last snapshot has all events.
        parts.enter_context(
            closing(
                Snapshotter(
                    model.engine,
                    snapshots,
                    every_events=settings.snapshots.every_events,
                    interval_s=settings.snapshots.interval_s,
                    saved_version=recovered.snapshot_version,
                    timed=timed,
                )
            )
        )
        native = uses_native_front(settings)
        front = parts.enter_context(NativeFront(settings, model, event_types, tls)) if native else None
        asyncio.run(_Server(settings, model, log, event_types, metrics, front=front, tls=tls).run(announce))


def _event_types(settings: EventSettings) -> EventTypes:
    return EventTypes(
        EventType(name, kind.weight, kind.marks_seen, kind.positive_from) for name, kind in settings.types.items()
    )


def _load_model(settings: Settings, metrics: Metrics, log: EventLog) -> ServedModel:
    bundle = load_bundle(settings.bundle)
    engine = build_engine(
        bundle,
        max_history=settings.engine.max_history,
        max_sessions=settings.engine.max_sessions,
        kept_list_bytes=settings.engine.kept_list_bytes,
        kept_list_min_items=settings.engine.kept_list_min_items,
        threads=settings.engine.threads,
        trained_version=trained_version(bundle.manifest, log),
    )
    retrieval: Retrieval = ExactRetrieval(engine)
    if settings.retrieval.kind == "faiss":
        if bundle.neighbours is not None:
            raise ConfigurationError(
                f"retrieval.kind: is faiss, but {bundle.manifest.name} retrieves by neighbours, without vectors that "
                "FAISS could search; leave it at exact"
            )
        retrieval = FaissRetrieval(engine, bundle.item_vectors, settings.retrieval)
    _LOGGER.info("model_loaded", name=bundle.manifest.name, version=bundle.manifest.version, retrieval=retrieval.name)
    filters = ItemFilters(build_attribute_table(bundle.items, cache_bytes=settings.engine.filter_cache_bytes))
    encoding = _encoding(bundle, engine, settings.encoder, metrics)
    return ServedModel(bundle, engine, retrieval, filters, max_history=settings.engine.max_history, encoding=encoding)


def _encoding(bundle: Bundle, engine: Engine, settings: EncoderSettings, metrics: Metrics) -> UserEncoding | None:
    if not isinstance(bundle.encoder, OnnxEncoder) or bundle.onnx is None:
        return None
    item_count = bundle.manifest.item_count
    runner = OnnxRunner(bundle.onnx, bundle.encoder, item_count=item_count, threads=settings.threads)
    return UserEncoding(engine, runner, settings, metrics.encoded)


class _Server:
    """The parts that belong to the event loop."""

    def __init__(
        self,
        settings: Settings,
        model: ServedModel,
        log: EventLog,
        event_types: EventTypes,
        metrics: Metrics,
        *,
        front: NativeFront | None,
        tls: TlsFiles | None,
    ) -> None:
        self._settings = settings
        self._front = front
        self._tls = tls
        self._model = model
        self._version = model.description.version.version
        self._log = log
        self._event_types = event_types
        self._draining = Draining()
        self._admission = Admission(settings.limits)
        self._metrics = metrics
        self._health = health.aio.HealthServicer()  # type: ignore[attr-defined]  # the stubs lack it

    async def run(self, announce: Callable[[str], None]) -> None:
        """Serve until a signal comes, then drain."""
        loop = asyncio.get_running_loop()
        sink, hub = EventSink(loop), WatchHub(loop)
        writer = EventWriter(
            self._log,
            self._model.engine,
            self._event_types,
            queue_limit=self._settings.events.queue_limit,
            batch_limit=self._settings.events.batch_limit,
            # Encoded before the watchers wake and the events are acknowledged: both may ask at once.
            on_applied=(self._model.encode_changed, hub.on_applied, *self._native_watchers()),
            on_available=lambda available: self._on_available(loop, available),
            deliver=sink.deliver,
            source=None if self._front is None else self._front.events,
            timed=self._metrics.steps.time,
            on_results=lambda results: self._metrics.commit(map(result_name, results)),
        )
        sink.connect(writer)
        try:
            with (
                ThreadPoolExecutor(self._settings.engine.workers, thread_name_prefix="worker") as executor,
                ThreadPoolExecutor(_SCANNERS, thread_name_prefix="scanner") as scanners,
            ):
                self._publish(writer)
                await self._listen(self._handlers(sink, hub, executor, scanners), announce)
        finally:
            # In a thread: the acknowledgements that are still to come need the loop.
            if not await asyncio.to_thread(writer.close, self._settings.drain.grace_s):
                _LOGGER.warning("events_not_stored", left=writer.queued, grace_s=self._settings.drain.grace_s)

    def _native_watchers(self) -> list[Callable[[set[tuple[str, str]]], None]]:
        return [] if self._front is None else [self._front.on_applied]

    async def _listen(self, handlers: GuardedHandlers, announce: Callable[[str], None]) -> None:
        settings, front = self._settings, self._front
        options = server_options(settings.limits) if front is None else inner_server_options()
        server = grpc.aio.server(handlers=[handlers], options=options)
        if front is None:
            address = bind(server, settings.listen.address, self._tls)
        else:
            server.add_insecure_port(front.upstream)
        for service in _SERVICES:
            await self._health.set(service, HealthCheckResponse.SERVING)
        with ExitStack() as parts:
            if settings.metrics.address is not None:
                endpoint = TelemetryEndpoint(settings.metrics.address, self._metrics.registry, self._is_serving)
                parts.enter_context(closing(endpoint))
                _LOGGER.info("metrics_ready", address=str(endpoint.address))
            with stop_signals() as stopped:
                await server.start()
                if front is not None:
                    address = await front.start()
                interpreter.settle()
                announce(f"recstream: serving {self._model.name} ({self._version}) on {address}")
                await until_stopped(server, stopped)
                await drain(
                    server, self._health, self._draining, self._admission, grace_s=settings.drain.grace_s, front=front
                )

    def _handlers(self, sink: EventSink, hub: WatchHub, executor: Executor, scanners: Executor) -> GuardedHandlers:
        limits, records = self._settings.limits, CallRecords(self._metrics, self._settings.log)
        handlers = GuardedHandlers(self._admission, Admission(limits), self._draining, records)
        # The generated functions ask for a server; they hand over handlers, which is what this one takes.
        server = cast(grpc.aio.Server, handlers)
        recommender = Recommender(self._model, executor, scanners, self._settings.engine.inline_multiply_adds)
        add_RecommendationServiceServicer_to_server(self._recommendation(sink, hub, recommender, records), server)
        add_UserEventServiceServicer_to_server(self._user_event(sink, executor, records), server)
        add_ModelServiceServicer_to_server(ModelService([self._model], limits), server)
        health_pb2_grpc.add_HealthServicer_to_server(self._health, server)
        names = (*_SERVICES, health.SERVICE_NAME, reflection.SERVICE_NAME)
        reflector = reflection.aio.ReflectionServicer(names)  # type: ignore[attr-defined]  # as above
        reflection_pb2_grpc.add_ServerReflectionServicer_to_server(reflector, server)
        return handlers

    def _recommendation(
        self, sink: EventSink, hub: WatchHub, recommender: Recommender, records: CallRecords
    ) -> RecommendationService:
        settings = self._settings
        checks = RecommendationChecks(settings.limits, self._event_types)
        streaming = StreamingRecommend(
            recommender=recommender,
            checks=checks,
            event_checks=UserEventChecks(settings.limits, self._event_types),
            sink=sink,
            draining=self._draining,
            record=records.of_rpc(f"{_RECOMMENDATION_SERVICE}/StreamingRecommend"),
            window=settings.limits.stream_messages,
        )
        watch = WatchRecommendations(
            recommender, checks, hub, self._draining, records.of_rpc(f"{_RECOMMENDATION_SERVICE}/WatchRecommendations")
        )
        record = records.of_rpc(f"{_RECOMMENDATION_SERVICE}/BatchRecommendItems")
        batch = BatchRecommendItems(recommender, checks, record, settings.limits.message_bytes)
        return RecommendationService(recommender, checks, batch, streaming, watch)

    def _user_event(self, sink: EventSink, executor: Executor, records: CallRecords) -> UserEventService:
        checks = UserEventChecks(self._settings.limits, self._event_types)
        record = records.of_rpc(f"{_USER_EVENT_SERVICE}/BatchWriteUserEvents")
        return UserEventService(
            checks=checks,
            batch=BatchWriteUserEvents(checks, sink, executor, record),
            sink=sink,
            log=self._log,
            executor=executor,
            draining=self._draining,
            record=records.of_rpc(f"{_USER_EVENT_SERVICE}/StreamingWriteUserEvents"),
            window=self._settings.limits.stream_messages,
        )

    def _publish(self, writer: EventWriter) -> None:
        engine, filters = self._model.engine, self._model.filters
        entrance = self._front or self._admission
        if self._front is not None:
            self._metrics.add_native(self._front.counts)
        self._metrics.model(self._model.name, self._version)
        self._metrics.publish(
            {
                "calls_in_flight": ("Unary calls at work.", lambda: entrance.calls),
                "streams_open": ("Streams that are open.", lambda: entrance.streams),
                "event_queue_length": ("Events that wait for the next commit.", lambda: writer.queued),
                "event_log_available": ("1 while events can be stored.", lambda: writer.available),
                "state_version": ("The last event's place in the log.", lambda: engine.state_version),
                "users_in_state": ("Users with live events.", lambda: engine.stats()["users_in_state"]),
                "sessions_in_state": ("Sessions kept.", lambda: engine.stats()["sessions_in_state"]),
                "state_bytes": ("Memory of the user state.", lambda: engine.stats()["state_bytes"]),
                "filter_cache_bytes": ("Memory of compiled filters.", lambda: filters.stats()["cache_bytes"]),
                "filter_cache_hits": ("Look-ups that found one.", lambda: filters.stats()["cache_hits"]),
                "filter_cache_misses": ("Look-ups that did not.", lambda: filters.stats()["cache_misses"]),
                "items": ("Items that can be recommended.", lambda: engine.stats()["items"]),
            }
        )

    def _is_serving(self) -> bool:
        return not self._draining.started

    def _on_available(self, loop: asyncio.AbstractEventLoop, available: bool) -> None:
        """Let health checks tell whether events can be stored; in the writer's thread."""
        status = HealthCheckResponse.SERVING if available else HealthCheckResponse.NOT_SERVING
        asyncio.run_coroutine_threadsafe(self._health.set(_USER_EVENT_SERVICE, status), loop)
