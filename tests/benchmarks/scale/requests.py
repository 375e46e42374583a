"""The requests that replicas make to the store: those of an hour without a change, and those of one change."""

import math
from typing import NamedTuple, Self

from app.settings.model import Settings
from model_registry.state.document import Document, ModelState, VersionState
from model_registry.state.heartbeats import COUNTING_SECONDS, heartbeat_interval
from model_registry.state.shared_registry import POLL_SECONDS, POLL_SECONDS_PER_REPLICA
from tests.benchmarks.scale.stores import ObjectStore

INTERVAL: float = Settings.model_fields["state_interval"].default
LISTED_AT_ONCE = 1000
"""Objects in one answer to a listing."""
HOUR, MONTH = 3600, 730 * 3600
CHANGES_PER_HOUR = 10


class Requests(NamedTuple):
    """Requests to the store, and the bytes of documents read."""

    reads: float
    writes: float
    listings: float
    read_bytes: float = 0

    def plus(self, other: Self, times: float) -> "Requests":
        """These, and the others so many times."""
        return Requests(*(own + times * more for own, more in zip(self, other, strict=True)))

    def dollars(self, store: ObjectStore) -> float:
        """Their price; bytes within a region cost nothing."""
        return (self.reads * store.read_price + (self.writes + self.listings) * store.write_price) / 1000


def idle_hour(replicas: int, interval: float = INTERVAL) -> Requests:
    """An hour in which nothing changes: a conditional read at each interval, a heartbeat when one is due."""
    beat = math.ceil(heartbeat_interval(replicas) / interval) * interval
    pages = math.ceil(replicas / LISTED_AT_ONCE)
    return Requests(replicas * HOUR / interval, replicas * HOUR / beat, replicas * pages * HOUR / COUNTING_SECONDS)


def one_change(replicas: int, models: int, interval: float = INTERVAL) -> Requests:
    """A change with wait=fleet: the writer replaces the document, each replica reads it and says so in a heartbeat."""
    looks = math.ceil(interval / (POLL_SECONDS + POLL_SECONDS_PER_REPLICA * replicas))
    pages = math.ceil(replicas / LISTED_AT_ONCE)
    return Requests(1 + 2 * replicas, 1 + replicas, looks * pages, replicas * document_bytes(models))


def hour(replicas: int, models: int) -> Requests:
    """An hour with CHANGES_PER_HOUR changes."""
    return idle_hour(replicas).plus(one_change(replicas, models), CHANGES_PER_HOUR)


def dollars_per_month(replicas: int, models: int, store: ObjectStore) -> float:
    """The price of all requests of a month."""
    return hour(replicas, models).dollars(store) * MONTH / HOUR


def document_bytes(models: int) -> int:
    """The size of a document with so many models of one version each, as it is stored."""
    names = [f"model-{number:05}" for number in range(models)]
    made = {name: ModelState("1.0", {"1.0": VersionState(f"{name}-1.0.mar", batch_size=8)}) for name in names}
    return len(Document(models, made).to_bytes())
