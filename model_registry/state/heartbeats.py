"""Heartbeats: what each replica has in force, written beside the document, and who is alive by them."""

import json
import os
import socket
import uuid
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from typing import Self

from model_registry.state.document_store import StoredHeartbeat

INTERVAL_SECONDS = 10.0
MAX_HEARTBEATS_PER_SECOND = 10.0
"""Of all replicas together, as long as nothing changes: many of them write more rarely, as each write is paid for."""
LIFETIME_INTERVALS = 3
FORGOTTEN_AFTER_SECONDS = 3600.0
"""Heartbeats of replicas that ended without a word are deleted then."""
COUNTING_SECONDS = 600.0
"""A replica lists the heartbeats that often, to count them, and to delete those."""


@dataclass(frozen=True, slots=True)
class Heartbeat:
    """One replica: the revision in force, and why that is not the newest, if so."""

    replica: str
    host: str
    process: int
    revision: int
    models: int
    error: str = ""
    interval: float = INTERVAL_SECONDS
    """Seconds until the next one at most."""
    age: float = 0.0
    """Seconds behind the newest heartbeat of all."""

    @property
    def is_alive(self) -> bool:
        """Whether it is fresh enough for its replica to count."""
        return self.age < LIFETIME_INTERVALS * self.interval

    @classmethod
    def of_this_process(
        cls, replica: str, revision: int, models: int, error: str, interval: float = INTERVAL_SECONDS
    ) -> Self:
        """The heartbeat to write now."""
        return cls(replica, socket.gethostname(), os.getpid(), revision, models, error, interval)

    def to_bytes(self) -> bytes:
        """The heartbeat as it is stored."""
        return json.dumps(asdict(self)).encode()


def heartbeat_interval(replicas: int) -> float:
    """Seconds between two heartbeats of one of so many replicas."""
    return max(INTERVAL_SECONDS, replicas / MAX_HEARTBEATS_PER_SECOND)


def new_replica_name() -> str:
    """A name that no other replica has, also after a restart on the same host."""
    return f"{socket.gethostname()[:40]}-{uuid.uuid4().hex[:8]}"


def parse_heartbeats(stored: Iterable[StoredHeartbeat]) -> list[Heartbeat]:
    """The heartbeats by name; those that cannot be read are passed over. Ages go by the store's own clock."""
    stored = list(stored)
    newest = max((each.written_at for each in stored), default=0.0)
    found = []
    for each in stored:
        try:
            raw = json.loads(each.content)
            values = {name: raw[name] for name in ("host", "process", "revision", "models", "error")}
            values["interval"] = float(raw.get("interval", INTERVAL_SECONDS))
        except (ValueError, KeyError, TypeError):
            continue
        found.append(Heartbeat(each.replica, **values, age=newest - each.written_at))
    return sorted(found, key=lambda each: each.replica)
