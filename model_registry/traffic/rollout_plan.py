"""The plan of a rollout, read from JSON and written to it."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from model_registry.errors import InvalidTrafficRule
from model_registry.traffic.guards.guard_limits import GuardLimits
from model_registry.traffic.tolerance import DEFAULT_TOLERANCE, Tolerance, parse_tolerance

MAX_STEPS = 50
MAX_HOLD = 1_000_000_000
SMALLEST_LIMIT = 1e-9
MEMBERS = frozenset({"from", "to", "steps", "hold", "shadowFirst", "limits", "webhook", "tolerance"})
LIMITS = {"errorIncrease": "error_increase", "p95Increase": "p95_increase", "disagreement": "disagreement",
          "falseAlarmRate": "false_alarm_rate"}  # fmt: skip


@dataclass(frozen=True, slots=True)
class RolloutPlan:
    """The steps of a rollout from version `old` to version `new`.

    `steps` are percentages of the traffic, rising to 100; a step ends when the new version has answered `hold` requests
    (with `shadow_first`, that many compared answers come before the first step). Guards act at any time. `webhook` is a
    URL that gets a message at the end. Shadowed answers whose differences are within `tolerance` agree.
    """

    old: str
    new: str
    steps: tuple[float, ...] = (1, 5, 25, 100)
    hold: int = 1000
    shadow_first: bool = False
    limits: GuardLimits = field(default_factory=GuardLimits)
    webhook: str = ""
    tolerance: Tolerance = DEFAULT_TOLERANCE

    def to_json(self) -> dict[str, Any]:
        """The plan as `parse_plan` reads it."""
        return {
            "from": self.old,
            "to": self.new,
            "steps": list(self.steps),
            "hold": self.hold,
            "shadowFirst": self.shadow_first,
            "limits": limits_to_json(self.limits),
            **({"webhook": self.webhook} if self.webhook else {}),
            **({"tolerance": self.tolerance.to_json()} if self.tolerance != DEFAULT_TOLERANCE else {}),
        }


def parse_plan(text: object, default: str) -> RolloutPlan:
    """Read a plan from decoded JSON; it starts from the version `default` unless it says. Raises InvalidTrafficRule."""
    if not isinstance(text, dict):
        raise InvalidTrafficRule("rollout", "a JSON object")
    unknown = set(text) - MEMBERS
    if unknown:
        raise InvalidTrafficRule(f"rollout.{min(unknown)}", f"one of {', '.join(sorted(MEMBERS))}")
    plan = RolloutPlan(
        old=_version(text.get("from", default), "from"),
        new=_version(text.get("to"), "to"),
        steps=_steps(text.get("steps", list(RolloutPlan("", "").steps))),
        hold=_hold(text.get("hold", RolloutPlan("", "").hold)),
        shadow_first=_boolean(text.get("shadowFirst", False), "shadowFirst"),
        limits=_limits(text.get("limits", {})),
        webhook=_webhook(text.get("webhook", "")),
        tolerance=parse_tolerance(text.get("tolerance", {}), "tolerance"),
    )
    if plan.old == plan.new:
        raise InvalidTrafficRule("to", f"another version than {plan.old}, from which the rollout starts")
    return plan


def limits_to_json(limits: GuardLimits) -> dict[str, float]:
    """The limits of the guards by their names in JSON."""
    return {name: getattr(limits, attribute) for name, attribute in LIMITS.items()}


def _version(value: object, place: str) -> str:
    if not isinstance(value, str) or not value:
        raise InvalidTrafficRule(place, "a version, as a string")
    return value


def _boolean(value: object, place: str) -> bool:
    if not isinstance(value, bool):
        raise InvalidTrafficRule(place, "true or false")
    return value


def _hold(value: object) -> int:
    if isinstance(value, bool) or not isinstance(value, int) or not 1 <= value <= MAX_HOLD:
        raise InvalidTrafficRule("hold", "a whole number of answers, at least 1")
    return value


def _steps(value: object) -> tuple[float, ...]:
    numbers = value if isinstance(value, list) and len(value) <= MAX_STEPS else []
    known = [each for each in numbers if isinstance(each, int | float) and not isinstance(each, bool)]
    steps = tuple(float(each) for each in known if 0 < each <= 100)
    rising = all(low < high for low, high in zip((0.0, *steps), steps, strict=False))
    if not steps or len(steps) != len(numbers) or not rising or steps[-1] != 100:
        raise InvalidTrafficRule("steps", "a list of percentages that rise to 100, such as [1, 5, 25, 100]")
    return steps


def _limits(value: object) -> GuardLimits:
    members: Mapping[str, object] = value if isinstance(value, dict) else {"": value}
    limits = {}
    for name, number in members.items():
        if name not in LIMITS:
            raise InvalidTrafficRule("limits", f"an object with {', '.join(LIMITS)}")
        if isinstance(number, bool) or not isinstance(number, int | float) or not SMALLEST_LIMIT <= number < 10:
            raise InvalidTrafficRule(
                f"limits.{name}", f"a number from {SMALLEST_LIMIT:g} to below 10, such as 0.05 for 5 %"
            )
        limits[LIMITS[name]] = float(number)
    if not limits.get("false_alarm_rate", 0.5) < 1 or not limits.get("disagreement", 0.5) < 1:
        raise InvalidTrafficRule("limits", "probabilities below 1 for falseAlarmRate and disagreement")
    return GuardLimits(**limits)


def _webhook(value: object) -> str:
    if not isinstance(value, str) or (value and not value.startswith(("http://", "https://"))):
        raise InvalidTrafficRule("webhook", "an http or https URL")
    return value
