"""The choice of a version by traffic rules: conditions, then a hashed key or chance."""

from bisect import bisect
from collections.abc import Callable
from hashlib import blake2b
from itertools import accumulate
from typing import Protocol

from handler.server_random import RANDOM
from model_registry.traffic.rules import Key, TrafficRules

_HASH_RANGE = float(1 << 64)


class RoutedRequest(Protocol):
    """The parts of a request that rules may ask for; each is computed only then."""

    def header(self, name: str) -> str | None:
        """The value of a header by its lower-case name."""

    def cookie(self, name: str) -> str | None:
        """The value of a cookie."""

    def json_value(self, path: str) -> str | None:
        """The scalar at a dotted path of the JSON body, as a string; None where there is none."""

    def address(self) -> str | None:
        """The client's address, without its port."""


class TrafficChooser:
    """Assigns requests to versions. The same key of the same experiment always gets the same version.

    Where a request has no key, chance decides. Weights that change move as few keys as they must: the versions keep
    their order, and a key its place between 0 and 1.
    """

    def __init__(self, rules: TrafficRules, draw: Callable[[], float] = RANDOM.random) -> None:
        self.rules = rules
        self._draw = draw
        self._versions = tuple(version for version, weight in rules.weights.items() if weight)
        self._bounds = tuple(accumulate(rules.weights[version] for version in self._versions))

    def __repr__(self) -> str:
        return f"<TrafficChooser {dict(self.rules.weights)}>"

    def choose(self, request: RoutedRequest) -> str | None:
        """The version that serves a request; None for the default one."""
        for condition in self.rules.conditions:
            value = request.header(condition.header)
            if value is not None and condition.value in (None, value):
                return condition.version
        if not self._versions:
            return None
        place = self._place(request)
        return self._versions[min(bisect(self._bounds, place * self._bounds[-1]), len(self._versions) - 1)]

    def share_of(self, version: str) -> float:
        """The probability, 0 to 1, with which a request without conditions is assigned to a version."""
        return self.rules.weights.get(version, 0.0) / self._bounds[-1] if self._bounds else 0.0

    def is_shadowed(self) -> bool:
        """Draw whether the next request goes to the shadow as well."""
        shadow = self.rules.shadow
        return shadow is not None and (shadow.share >= 1 or self._draw() < shadow.share)

    def _place(self, request: RoutedRequest) -> float:
        key = key_of(request, self.rules.key) if self.rules.key is not None else None
        return self._draw() if key is None else hash_key(self.rules.experiment, key)


def key_of(request: RoutedRequest, key: Key) -> str | None:
    """The value of a key in a request; None where the request has none."""
    if key.source == "header":
        return request.header(key.name.lower())
    if key.source == "cookie":
        return request.cookie(key.name)
    return request.json_value(key.name) if key.source == "json" else request.address()


def hash_key(experiment: str, key: str) -> float:
    """A place in [0, 1) that depends on experiment and key alone, on every machine and in every process."""
    person = blake2b(experiment.encode(), digest_size=16).digest()
    digest = blake2b(key.encode("utf-8", "surrogatepass"), digest_size=8, person=person).digest()
    return int.from_bytes(digest, "big") / _HASH_RANGE
