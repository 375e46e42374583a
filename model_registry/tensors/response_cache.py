"""A cache of responses: a request whose tensors were seen before is answered without its model."""

from collections import OrderedDict
from hashlib import blake2b
from time import perf_counter_ns
from typing import NamedTuple

from handler.tensors.requests import TensorRequest, TensorResponse
from handler.tensors.spec import OnResponse
from handler.tensors.statistics import RequestTimes, Statistics

ENTRY_BYTES = 256
"""The cost of an entry besides its tensors."""
Key = tuple[object, bytes]


class _Entry(NamedTuple):
    response: TensorResponse
    size: int


class ResponseCache:
    """Keeps the responses that were asked for last, up to `limit` bytes; for the event loop."""

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._entries: OrderedDict[Key, _Entry] = OrderedDict()
        self._size = 0
        self.hits = 0
        self.misses = 0
        self.evictions = 0

    def __repr__(self) -> str:
        return f"<ResponseCache {len(self)} entries, {self._size} bytes>"

    def __len__(self) -> int:
        return len(self._entries)

    def get(self, key: Key) -> TensorResponse | None:
        """The response that is kept under a key."""
        entry = self._entries.get(key)
        if entry is None:
            self.misses += 1
            return None
        self.hits += 1
        self._entries.move_to_end(key)
        return entry.response

    def put(self, key: Key, response: TensorResponse) -> None:
        """Keep a response, at the cost of the oldest ones; one that is larger than all room is not kept."""
        size = ENTRY_BYTES + sum(tensor.byte_size for tensor in response.outputs)
        if size > self._limit or key in self._entries:
            return
        self._entries[key] = _Entry(response, size)
        self._size += size
        while self._size > self._limit:
            _, evicted = self._entries.popitem(last=False)
            self._size -= evicted.size
            self.evictions += 1


def key_of(owner: object, request: TensorRequest) -> Key:
    """The key of a checked request to a model version, which `owner` stands for."""
    digest = blake2b(digest_size=16)
    for tensor in sorted(request.inputs, key=lambda tensor: tensor.name):
        digest.update(f"{tensor.name}\0{tensor.datatype.name}\0{tensor.shape}\0{tensor.byte_size}\0".encode())
        digest.update(memoryview(tensor.raw).cast("B"))
    digest.update("\0".join(sorted(request.outputs)).encode())
    return owner, digest.digest()


class VersionCache:
    """The part of a cache that belongs to one version of a model."""

    def __init__(self, cache: ResponseCache, statistics: Statistics) -> None:
        self._cache = cache
        self._statistics = statistics

    def __repr__(self) -> str:
        return f"<VersionCache in {self._cache}>"

    def find(self, request: TensorRequest) -> TensorResponse | None:
        """The response that a checked request had before, counted as its answer."""
        started = perf_counter_ns()
        response = self._cache.get(key_of(self, request))
        spent = perf_counter_ns() - started
        self._statistics.count_cached(RequestTimes(0, spent), is_hit=response is not None, lookup=spent)
        return response

    def keeping(self, request: TensorRequest, on_response: OnResponse) -> OnResponse:
        """The same function, which also keeps what it is given."""

        def receive(response: TensorResponse, is_final: bool) -> None:
            if response.error is None and not response.is_empty:
                self._cache.put(key_of(self, request), response)
            on_response(response, is_final)

        return receive


class Answered:
    """A request that has its response already."""

    def __repr__(self) -> str:
        return "<Answered>"

    def cancel(self) -> None:
        """Do nothing."""

    def abandon(self) -> None:
        """Do nothing."""
