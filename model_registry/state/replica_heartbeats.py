"""A replica among others: its own heartbeat, written at intervals that grow with their number, and those of all."""

from time import monotonic

from model_registry.state.document_store import DocumentStore
from model_registry.state.heartbeats import (
    COUNTING_SECONDS,
    FORGOTTEN_AFTER_SECONDS,
    Heartbeat,
    heartbeat_interval,
    new_replica_name,
    parse_heartbeats,
)


class ReplicaHeartbeats:
    """The heartbeats beside a document. Calls block, and raise StorageError."""

    def __init__(self, store: DocumentStore) -> None:
        self.replica = new_replica_name()
        self.interval = heartbeat_interval(1)
        """Seconds between two heartbeats of this replica."""
        self._store = store
        self._counted_at = -COUNTING_SECONDS

    def __repr__(self) -> str:
        return f"<ReplicaHeartbeats of {self.replica}, every {self.interval:g} s>"

    def write(self, revision: int, models: int, error: str) -> None:
        """Write this replica's heartbeat, and now and then count those of all before."""
        if monotonic() - self._counted_at > COUNTING_SECONDS:
            self._count()
            self._counted_at = monotonic()
        own = Heartbeat.of_this_process(self.replica, revision, models, error, self.interval)
        self._store.write_heartbeat(self.replica, own.to_bytes())

    def read(self) -> list[Heartbeat]:
        """The heartbeats of all replicas."""
        return parse_heartbeats(self._store.heartbeats())

    def delete(self) -> None:
        """Delete this replica's heartbeat."""
        self._store.delete_heartbeat(self.replica)

    def _count(self) -> None:
        """Set the interval by the number of replicas; delete the heartbeats of those that are long gone."""
        times = self._store.heartbeat_times()
        newest = max(times.values(), default=0.0)
        forgotten = [name for name, written_at in times.items() if newest - written_at > FORGOTTEN_AFTER_SECONDS]
        self.interval = heartbeat_interval(len(times) - len(forgotten))
        for replica in forgotten:
            self._store.delete_heartbeat(replica)
