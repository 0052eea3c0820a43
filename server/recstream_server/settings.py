"""Everything that can be set in the server: one frozen object, checked once, at start.

`settings_sources` reads it from a TOML file, the environment and the command line; `recstream serve --print-config`
shows every setting with its default, and so does docs/server.md.
"""

from pathlib import Path
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, StringConstraints, model_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

from recstream.event_types import DEFAULT_EVENT_TYPES
from recstream_server.listen_address import ListenAddress

ENVIRONMENT_PREFIX = "RECSTREAM_SERVER__"

# Counts that the API documents: a server may allow less, never more, or clients could not rely on them.
API_ID_BYTES = 128
API_PAGE_SIZE = 1000
API_ITEM_IDS = 10_000
API_RECENT_EVENTS = 1000
API_EVENT_ATTRIBUTE_BYTES = 4096
API_FILTER_CONDITIONS = 64
API_FILTER_VALUES = 1000
API_BATCH_REQUESTS = 1000


class _Section(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)


class ListenSettings(_Section):
    """Where the server listens."""

    address: ListenAddress = Field(
        default=ListenAddress("127.0.0.1", 50051), description="HOST:PORT; port 0 picks a free one."
    )
    insecure: bool = Field(
        default=False,
        description="Allow an address that other machines can reach without TLS. Traffic is plain text and callers "
        "are not asked who they are.",
    )
    transport: Literal["auto", "native", "python"] = Field(
        default="auto",
        description='What answers: "native" serves common queries in C++, "python" all of them in Python. "auto": '
        "native where it was built, unless log.level is debug, for which every call is to be logged.",
    )


class TlsSettings(_Section):
    """Encryption, and who may call. Read at start: restart the server after renewing a certificate."""

    certificate_chain: Path | None = Field(
        default=None,
        description="PEM file with the server's certificate and those between it and a root; plain text when absent.",
    )
    private_key: Path | None = Field(
        default=None, description="PEM file with the key of that certificate, without a password."
    )
    client_ca: Path | None = Field(
        default=None,
        description="PEM file with the certificates that sign those of clients: nobody gets in without one. When "
        "absent, whoever reaches the server may call it.",
    )


class EngineSettings(_Section):
    """The native engine."""

    threads: int = Field(
        default=0, ge=0, le=1024, description="Most threads for one search; 0 means one for each core."
    )
    max_history: int = Field(
        default=1000, ge=1, le=100_000, description="Distinct items, latest kept, that a user's vector is made from."
    )
    max_sessions: int = Field(
        default=1_000_000, ge=1, le=100_000_000, description="Sessions kept; those idle longest are dropped first."
    )
    kept_list_bytes: int = Field(
        default=67_108_864,
        ge=0,
        le=2**40,
        description="Memory for the best items of active users, which answer most queries after an event without a "
        "scan; 0 for none. About 2 KiB a user for pages of 10 or 20, 5 KiB for pages of 100.",
    )
    kept_list_min_items: int = Field(
        default=100_000, ge=0, description="Catalogues with fewer items are scanned each time, which takes no longer."
    )
    filter_cache_bytes: int = Field(
        default=64 * 2**20,
        ge=0,
        le=2**40,
        description="Memory for compiled filters, a bit an item for each filter and each of its conditions; those used "
        "longest ago leave first.",
    )
    inline_multiply_adds: int = Field(
        default=12_000_000,
        ge=0,
        description="A model's queries run on the event loop when the longest takes up to this many multiply-adds "
        "(items x dimension, and for a fold-in max_history x dimension squared), otherwise in a worker thread.",
    )
    workers: int = Field(default=2, ge=1, le=64, description="Worker threads for large scans and for reading the log.")


class EncoderSettings(_Section):
    """How the neural encoder of a model is run; of no influence on models without one."""

    threads: int = Field(default=1, ge=1, le=1024, description="Cores that one run may use.")
    batch_users: int = Field(
        default=32, ge=1, le=1024, description="Most users in one run; more in a commit take several."
    )
    users_per_commit: int = Field(
        default=128,
        ge=0,
        le=100_000,
        description="Users that are encoded before their events are acknowledged; others of the same commit wait for "
        "their next query.",
    )


class RetrievalSettings(_Section):
    """How the top K is searched."""

    kind: Literal["exact", "faiss"] = Field(
        default="exact",
        description='"exact" scans every item. "faiss" asks an approximate index and rescores what it proposes; '
        "its answers say `approximate`.",
    )
    faiss_factory: str = Field(
        default="HNSW32",
        min_length=1,
        max_length=256,
        description="Index factory string, for example HNSW32 or IVF1024,SQ8.",
    )
    faiss_search_parameters: str = Field(
        default="",
        max_length=256,
        description="For example efSearch=128 or nprobe=32; several with commas. Empty: FAISS's own.",
    )
    faiss_candidate_multiplier: int = Field(
        default=4,
        ge=1,
        le=1000,
        description="The index is asked for this many times the items wanted; the core rescores them.",
    )


class LimitSettings(_Section):
    """What one client may ask for, and how much the server takes on."""

    message_bytes: int = Field(default=4 * 2**20, ge=1024, le=2**30, description="Largest message, in and out.")
    metadata_bytes: int = Field(default=8 * 2**10, ge=1024, le=2**20, description="Largest request metadata.")
    id_bytes: int = Field(default=API_ID_BYTES, ge=1, le=API_ID_BYTES, description="Longest id, in bytes of UTF-8.")
    page_size: int = Field(default=API_PAGE_SIZE, ge=1, le=API_PAGE_SIZE, description="Larger pages are cut to this.")
    candidate_item_ids: int = Field(default=API_ITEM_IDS, ge=1, le=API_ITEM_IDS, description="Candidates of one query.")
    exclude_item_ids: int = Field(default=API_ITEM_IDS, ge=1, le=API_ITEM_IDS, description="Exclusions of one query.")
    recent_events: int = Field(
        default=API_RECENT_EVENTS, ge=1, le=API_RECENT_EVENTS, description="Recent events of one query."
    )
    event_attribute_bytes: int = Field(
        default=API_EVENT_ATTRIBUTE_BYTES,
        ge=0,
        le=API_EVENT_ATTRIBUTE_BYTES,
        description="The attributes of one event, written as JSON.",
    )
    filter_conditions: int = Field(
        default=API_FILTER_CONDITIONS, ge=1, le=API_FILTER_CONDITIONS, description="Conditions of one filter."
    )
    filter_values: int = Field(
        default=API_FILTER_VALUES, ge=1, le=API_FILTER_VALUES, description="Values that one condition compares with."
    )
    batch_requests: int = Field(
        default=API_BATCH_REQUESTS, ge=1, le=API_BATCH_REQUESTS, description="Queries or events of one batch call."
    )
    calls_in_flight: int = Field(
        default=1000,
        ge=1,
        le=1_000_000,
        description="Unary calls at work at a time; more are answered RESOURCE_EXHAUSTED.",
    )
    streams: int = Field(
        default=10_000, ge=1, le=1_000_000, description="Streams open at a time; more are answered RESOURCE_EXHAUSTED."
    )
    connections: int = Field(default=10_000, ge=1, le=1_000_000, description="Connections; more are closed at once.")
    calls_per_connection: int = Field(
        default=100,
        ge=1,
        le=100_000,
        description="Calls and streams at a time on one connection; a client queues the rest itself.",
    )
    stream_messages: int = Field(
        default=64,
        ge=1,
        le=10_000,
        description="Messages of one stream that are worked on together; as many again may be read ahead.",
    )


class EventTypeSettings(_Section):
    """What an event of one type is worth."""

    weight: float = Field(description="Confidence of the preference; negative for an aversion, 0 for no influence.")
    marks_seen: bool = Field(default=True, description="Whether the item is left out of later answers.")
    positive_from: float | None = Field(default=None, description="Events with a value below this count with -weight.")


EventTypeName = Annotated[str, StringConstraints(pattern=r"^[a-z0-9][a-z0-9._-]{0,63}$")]


def _default_event_types() -> dict[str, EventTypeSettings]:
    return {
        kind.name: EventTypeSettings(weight=kind.weight, marks_seen=kind.marks_seen, positive_from=kind.positive_from)
        for kind in DEFAULT_EVENT_TYPES
    }


class EventSettings(_Section):
    """The event log."""

    durability: Literal["fsync", "os"] = Field(
        default="fsync",
        description='"fsync": acknowledged events survive a power cut. "os": only a crash of the server.',
    )
    queue_limit: int = Field(
        default=10_000,
        ge=1,
        le=1_000_000,
        description="Events waiting for the log; more are answered RESOURCE_EXHAUSTED.",
    )
    batch_limit: int = Field(default=1000, ge=1, le=100_000, description="Most events in one commit.")
    types: dict[EventTypeName, EventTypeSettings] = Field(
        default_factory=_default_event_types,
        min_length=1,
        description="The event types; a table given here replaces the whole default.",
    )


class SnapshotSettings(_Section):
    """Snapshots of the user state, which make a start quick."""

    interval_s: float = Field(default=60.0, ge=1, le=86_400, description="Least time between two snapshots.")
    every_events: int = Field(default=50_000, ge=1, description="Least number of events between two snapshots.")


class MetricsSettings(_Section):
    """The Prometheus endpoint: /metrics and /health, nothing else."""

    address: ListenAddress | None = Field(default=None, description="HOST:PORT; no endpoint when absent.")


class DrainSettings(_Section):
    """What happens on SIGTERM."""

    grace_s: float = Field(default=10.0, ge=0, le=3600, description="Time for calls in flight to finish.")


class LogSettings(_Section):
    """The log of the process, on standard error."""

    level: Literal["debug", "info", "warning", "error"] = Field(default="info", description="debug logs every call.")
    format: Literal["auto", "json", "console"] = Field(
        default="auto", description='"auto": console on a terminal, JSON lines otherwise.'
    )
    slow_call_ms: float = Field(default=1000.0, gt=0, description="Unary calls that take longer are logged as slow.")
    slow_step_ms: float = Field(
        default=100.0, gt=0, description="Commits, checkpoints, snapshots and collections that take longer are logged."
    )


class Settings(BaseSettings):
    """All settings of the server."""

    model_config = SettingsConfigDict(
        env_prefix=ENVIRONMENT_PREFIX, env_nested_delimiter="__", frozen=True, extra="forbid", allow_inf_nan=False
    )

    bundle: Path = Field(description="The bundle to serve.")
    state: Path = Field(
        description="Folder of the event log and the snapshots; made when absent. One server at a time."
    )
    listen: ListenSettings = ListenSettings()
    tls: TlsSettings = TlsSettings()
    engine: EngineSettings = EngineSettings()
    encoder: EncoderSettings = EncoderSettings()
    retrieval: RetrievalSettings = RetrievalSettings()
    limits: LimitSettings = LimitSettings()
    events: EventSettings = EventSettings()
    snapshots: SnapshotSettings = SnapshotSettings()
    metrics: MetricsSettings = MetricsSettings()
    drain: DrainSettings = DrainSettings()
    log: LogSettings = LogSettings()

    @model_validator(mode="after")
    def _tls_is_whole(self) -> "Settings":
        given = self.tls.model_dump(exclude_none=True)
        missing = [name for name in ("certificate_chain", "private_key") if given and name not in given]
        if missing:
            raise ValueError(f"tls.{missing[0]}: is missing; TLS needs tls.certificate_chain and tls.private_key")
        return self

    @model_validator(mode="after")
    def _reachable_only_on_purpose(self) -> "Settings":
        encrypted = self.tls.certificate_chain is not None
        if not (self.listen.address.is_loopback or encrypted or self.listen.insecure):
            raise ValueError(
                f"listen.address: {self.listen.address} can be reached from other machines, and traffic would be plain "
                "text; give tls.certificate_chain and tls.private_key (--tls-cert, --tls-key), listen on 127.0.0.1, or "
                "in a network that you trust set listen.insecure = true (--insecure-listen)"
            )
        if self.metrics.address is not None and not self.metrics.address.is_loopback:
            address = self.metrics.address
            raise ValueError(f"metrics.address: {address} is not a loopback address; use 127.0.0.1")
        return self
