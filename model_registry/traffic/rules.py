"""Traffic rules of a model: which version serves a request that names none. Parsed from JSON, checked once."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from model_registry.errors import InvalidTrafficRule, VersionNotLoaded
from model_registry.traffic.tolerance import DEFAULT_TOLERANCE, Tolerance, parse_number, parse_tolerance

KeySource = Literal["header", "cookie", "json", "address"]
KEY_SOURCES: tuple[KeySource, ...] = ("header", "cookie", "json", "address")
MAX_CONDITIONS = 64
MAX_NAME_LENGTH = 256


@dataclass(frozen=True, slots=True)
class Key:
    """The part of a request by which it is assigned: equal keys see the same version.

    `name` is a header's, a cookie's, or a path into the JSON body ("user.id", "items.0.id"); empty for the address.
    """

    source: KeySource
    name: str = ""


@dataclass(frozen=True, slots=True)
class Condition:
    """Requests whose header has this value (any value, where it is None) are served by `version`."""

    header: str
    value: str | None
    version: str


@dataclass(frozen=True, slots=True)
class Shadow:
    """A `share` (0 to 1) of the requests is given to `version` as well; no client waits for its answers.

    Answers whose differences are within `tolerance` agree.
    """

    version: str
    share: float
    tolerance: Tolerance = DEFAULT_TOLERANCE


@dataclass(frozen=True, slots=True)
class TrafficRules:
    """The rules in force for one model. Conditions come first, in their order, then the weights.

    `weights` are relative: {"1.0": 95, "2.0": 5}. `experiment` is mixed into the hash of a key, so that the groups of
    two experiments are independent of each other.
    """

    weights: Mapping[str, float] = field(default_factory=dict)
    key: Key | None = None
    experiment: str = ""
    conditions: tuple[Condition, ...] = ()
    shadow: Shadow | None = None

    @property
    def versions(self) -> set[str]:
        """Every version that a rule names."""
        named = {*self.weights, *(each.version for each in self.conditions)}
        return named | {self.shadow.version} if self.shadow else named

    def check_loaded(self, loaded: Iterable[str]) -> None:
        """Raise VersionNotLoaded for a version that is named and not loaded."""
        missing = sorted(self.versions - set(loaded))
        if missing:
            raise VersionNotLoaded(missing[0])

    def to_json(self) -> dict[str, Any]:
        """The rules as `parse_rules` reads them."""
        text: dict[str, Any] = {"weights": dict(self.weights)} if self.weights else {}
        if self.key is not None:
            text["key"] = {self.key.source: self.key.name} if self.key.name else {self.key.source: True}
        if self.experiment:
            text["experiment"] = self.experiment
        if self.conditions:
            text["conditions"] = [
                {"header": each.header, "version": each.version} | ({} if each.value is None else {"value": each.value})
                for each in self.conditions
            ]
        if self.shadow is not None:
            text["shadow"] = {"version": self.shadow.version, "share": self.shadow.share}
            if self.shadow.tolerance != DEFAULT_TOLERANCE:
                text["shadow"]["tolerance"] = self.shadow.tolerance.to_json()
        return text


def parse_rules(text: object) -> TrafficRules:
    """Read rules from decoded JSON; raises InvalidTrafficRule with the member that is wrong and what it may be."""
    members = _object(text, "traffic", {"weights", "key", "experiment", "conditions", "shadow"})
    rules = TrafficRules(
        weights=_weights(members.get("weights", {})),
        key=_key(members["key"]) if members.get("key") is not None else None,
        experiment=_string(members.get("experiment", ""), "experiment"),
        conditions=_conditions(members.get("conditions", [])),
        shadow=_shadow(members["shadow"]) if members.get("shadow") is not None else None,
    )
    if not rules.versions:
        raise InvalidTrafficRule("traffic", "at least one of weights, conditions and shadow")
    return rules


def _weights(value: object) -> dict[str, float]:
    weights = {
        version: parse_number(weight, f"weights.{version}") for version, weight in _object(value, "weights").items()
    }
    if weights and not sum(weights.values()):
        raise InvalidTrafficRule("weights", "at least one weight above 0")
    return weights


def _key(value: object) -> Key:
    members = _object(value, "key", set(KEY_SOURCES))
    if len(members) != 1:
        raise InvalidTrafficRule("key", 'one of {"header": NAME}, {"cookie": NAME}, {"json": PATH}, {"address": true}')
    ((source, name),) = members.items()
    if source == "address":
        return Key("address")
    return Key(source, _string(name, f"key.{source}", empty=False))  # type: ignore[arg-type]


def _conditions(value: object) -> tuple[Condition, ...]:
    if not isinstance(value, list) or len(value) > MAX_CONDITIONS:
        raise InvalidTrafficRule("conditions", f"a list of at most {MAX_CONDITIONS} objects")
    return tuple(_condition(each, f"conditions.{index}") for index, each in enumerate(value))


def _condition(value: object, place: str) -> Condition:
    members = _object(value, place, {"header", "value", "version"})
    wanted = members.get("value")
    return Condition(
        _string(members.get("header"), f"{place}.header", empty=False).lower(),
        None if wanted is None else _string(wanted, f"{place}.value"),
        _string(members.get("version"), f"{place}.version", empty=False),
    )


def _shadow(value: object) -> Shadow:
    members = _object(value, "shadow", {"version", "share", "tolerance"})
    share = parse_number(members.get("share", 1), "shadow.share", 1)
    tolerance = parse_tolerance(members.get("tolerance", {}), "shadow.tolerance")
    return Shadow(_string(members.get("version"), "shadow.version", empty=False), share, tolerance)


def _object(value: object, place: str, known: set[str] | None = None) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise InvalidTrafficRule(place, "a JSON object")
    unknown = set(value) - known if known is not None else set()
    if unknown:
        raise InvalidTrafficRule(f"{place}.{min(unknown)}", f"one of {', '.join(sorted(known or ()))}")
    return value


def _string(value: object, place: str, *, empty: bool = True) -> str:
    if not isinstance(value, str) or len(value) > MAX_NAME_LENGTH or not (value or empty):
        raise InvalidTrafficRule(place, f"a string of {0 if empty else 1} to {MAX_NAME_LENGTH} characters")
    return value
