"""The limits that grow near: each at a number of replicas or of models, the nearest first."""

from typing import NamedTuple

from app.api.management.endpoints import WAIT_SECONDS
from model_registry.state.document import MAX_BYTES
from model_registry.state.heartbeats import LIFETIME_INTERVALS, MAX_HEARTBEATS_PER_SECOND
from tests.benchmarks.scale.requests import INTERVAL, document_bytes
from tests.benchmarks.scale.stores import BLOB_STORAGE, CLOUD_STORAGE, S3

MODEL_MIB, REPLICA_MIB = 30, 16 << 10
"""A small model in memory, and the memory of a replica: assumptions, as everything else here follows from the code."""
BULK_MODELS = 10_000


class Limit(NamedTuple):
    """Something that no longer holds beyond a number of replicas or of models, and what to do then."""

    at: str
    what: str
    then: str


def models_in_memory() -> int:
    """Models that one replica can hold: each replica has all of a document."""
    return REPLICA_MIB // MODEL_MIB


def replicas_seen_in_time() -> float:
    """Replicas beyond which one that was killed counts as alive for longer than wait=fleet waits."""
    return MAX_HEARTBEATS_PER_SECOND * WAIT_SECONDS / LIFETIME_INTERVALS


def bulk_minutes(writes_per_second: float) -> float:
    """Minutes that the document's changes take when BULK_MODELS are registered by a call each."""
    return BULK_MODELS / writes_per_second / 60


def limits() -> list[Limit]:
    """The limits, those of models first."""
    per_model = document_bytes(1000) / 1000
    slowest, fastest = (f"{bulk_minutes(store.writes_per_second):.0f}" for store in (CLOUD_STORAGE, S3))
    reads = {store: f"{store.reads_per_second * INTERVAL:,.0f}" for store in (BLOB_STORAGE, CLOUD_STORAGE, S3)}
    return [
        Limit(
            f"{models_in_memory():,} models",
            "the memory of a replica, as each holds every model of its document "
            f"(at {MODEL_MIB} MiB a model and {REPLICA_MIB >> 10} GiB a replica)",
            "divide the models among several documents, each with replicas of its own",
        ),
        Limit(
            f"{MAX_BYTES / per_model:,.0f} models",
            f"the size of a document, {MAX_BYTES >> 20} MiB: a change beyond it is refused with 507",
            "the same",
        ),
        Limit(
            f"{CLOUD_STORAGE.writes_per_second:g} change a second",
            f"Cloud Storage replaces one object no faster: {BULK_MODELS:,} registrations take {slowest} minutes "
            f"({fastest} on S3, where one writer after the other reads and writes)",
            "load them at the first start: its models are one change",
        ),
        Limit(
            f"{replicas_seen_in_time():,.0f} replicas",
            f"one that was killed counts as alive for longer than wait=fleet waits ({WAIT_SECONDS:.0f} s): calls are "
            "answered with 504 and its name, although all others have the change",
            "several documents, or no wait=fleet for that long",
        ),
        Limit(
            f"{reads[BLOB_STORAGE]} replicas",
            "Blob Storage answers no more reads of one blob; "
            f"{reads[CLOUD_STORAGE]} on Cloud Storage, {reads[S3]} on S3",
            "a longer state_interval",
        ),
    ]
