"""A rollout: a new version gets more of the traffic step by step, or all of it goes back to the old one."""

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Literal

from model_registry.traffic.guards.regression_guards import RegressionGuards
from model_registry.traffic.latencies import RecentLatencies
from model_registry.traffic.rollout_plan import RolloutPlan, limits_to_json

SHADOW_PART_IN_STEPS = 0.1
"""The part of the old version's requests that the new one still answers as a shadow during the steps, where agreement
was asked for: a version may begin to answer differently later."""

State = Literal["shadowing", "stepping", "completed", "rolled_back", "aborted"]


@dataclass(frozen=True, slots=True)
class Progress:
    """The place of a rollout: what is written down, so that it goes on after a restart."""

    state: State
    step: int = 0
    is_paused: bool = False
    reason: str = ""
    started: float = field(default_factory=time.time)
    """Seconds since 1970."""

    def to_json(self) -> dict[str, Any]:
        """The progress as `from_json` reads it."""
        return {"state": self.state, "step": self.step, "paused": self.is_paused, "reason": self.reason,
                "started": self.started}  # fmt: skip

    @classmethod
    def from_json(cls, text: Mapping[str, Any]) -> "Progress":
        """Read a progress."""
        return cls(text["state"], int(text["step"]), bool(text["paused"]), str(text["reason"]), float(text["started"]))


class VersionFigures:
    """The answers of one version during a rollout."""

    def __init__(self) -> None:
        self._answers = self._errors = 0
        self._latencies = RecentLatencies()

    def __repr__(self) -> str:
        return f"<VersionFigures {self._errors} of {self._answers} failed>"

    def observe(self, seconds: float, *, failed: bool) -> None:
        """Add an answer."""
        self._answers += 1
        self._errors += failed
        if not failed:
            self._latencies.observe(seconds)

    def describe(self) -> dict[str, Any]:
        """The counts, and the latencies in milliseconds."""
        return {"answers": self._answers, "errors": self._errors, "latency": self._latencies.describe()}


class Rollout:
    """Moves traffic by `set_share` and `set_shadow`; `finish` is called once, at its end.

    Both get a part, 0 to 1, of the requests: those that the new version answers, and those that it is shown besides.

    `finish` gets the version that serves from then on. The old version is never unloaded by a rollout.
    """

    def __init__(
        self, plan: RolloutPlan, set_share: Callable[[float], object], set_shadow: Callable[[float], object],
        finish: Callable[[str], object], on_change: Callable[[], object], progress: Progress | None = None,
    ) -> None:  # fmt: skip
        self.plan = plan
        self.guards = RegressionGuards(plan.limits)
        self.progress = progress or Progress("shadowing" if plan.shadow_first else "stepping")
        self.answers_in_step = 0
        self._figures = {plan.old: VersionFigures(), plan.new: VersionFigures()}
        self._set_share = set_share
        self._set_shadow = set_shadow
        self._finish = finish
        self._on_change = on_change

    def __repr__(self) -> str:
        return f"<Rollout to {self.plan.new}, {self.progress.state}, {self.share:.0%}>"

    @property
    def is_active(self) -> bool:
        """Whether it still moves traffic."""
        return self.progress.state in ("shadowing", "stepping")

    @property
    def share(self) -> float:
        """The part of the traffic, 0 to 1, that the new version gets."""
        if self.progress.state == "stepping":
            return self.plan.steps[self.progress.step] / 100
        return 1.0 if self.progress.state == "completed" else 0.0

    @property
    def shadow_share(self) -> float:
        """The part of the old version's requests, 0 to 1, that the new one answers as a shadow."""
        if self.progress.state == "shadowing":
            return 1.0
        is_compared = self.plan.shadow_first and self.progress.state == "stepping" and self.share < 1
        return SHADOW_PART_IN_STEPS if is_compared else 0.0

    def start(self) -> None:
        """Begin, or go on where `progress` says."""
        self._move_traffic()
        self._on_change()

    def observe(self, version: str, seconds: float, *, failed: bool) -> None:
        """Add an answer of either version."""
        if version not in self._figures or not self.is_active:
            return
        self._figures[version].observe(seconds, failed=failed)
        if version == self.plan.old:
            self.guards.observe_old(seconds, failed=failed)
        else:
            self.guards.observe_new(seconds, failed=failed)
            self._judge(counts=self.progress.state == "stepping")

    def observe_shadow(self, agrees: bool) -> None:
        """Add a comparison of a shadowed answer."""
        if self.is_active:
            self.guards.observe_shadow(agrees=agrees)
            self._judge(counts=self.progress.state == "shadowing")

    def pause(self) -> None:
        """Stay at the present share until `resume`; the guards go on watching."""
        self._set_paused(True)

    def resume(self) -> None:
        """Go on."""
        self._set_paused(False)

    def abort(self, reason: str = "aborted on request") -> None:
        """Give all traffic back to the old version."""
        self._end("aborted", reason)

    def describe(self) -> dict[str, Any]:
        """The plan, the progress and the evidence, as JSON."""
        plan, progress = self.plan, self.progress
        return {
            "from": plan.old,
            "to": plan.new,
            "state": "paused" if progress.is_paused and self.is_active else progress.state,
            "share": self.share,
            "steps": list(plan.steps),
            "step": progress.step,
            "hold": plan.hold,
            "answersInStep": self.answers_in_step,
            "reason": progress.reason or None,
            "versions": {name: figures.describe() for name, figures in self._figures.items()},
            "evidence": self.guards.evidence(),
            "limits": limits_to_json(plan.limits),
        }

    def _judge(self, *, counts: bool) -> None:
        """Go back if a guard says so; go on if this observation `counts` and is the step's last."""
        reason = self.guards.verdict
        if reason is not None:
            self._end("rolled_back", reason)
            return
        self.answers_in_step += counts
        if self.answers_in_step >= self.plan.hold and not self.progress.is_paused:
            self._advance()

    def _advance(self) -> None:
        """Take the next step; the traffic has moved when it is reported."""
        self.answers_in_step = 0
        if self.progress.state == "stepping" and self.progress.step + 1 == len(self.plan.steps):
            self.progress = replace(self.progress, state="completed")
            self._finish(self.plan.new)
        else:
            is_shadowing = self.progress.state == "shadowing"
            step = self.progress.step if is_shadowing else self.progress.step + 1
            self.progress = replace(self.progress, state="stepping", step=step)
            self._move_traffic()
        self._on_change()

    def _move_traffic(self) -> None:
        self._set_shadow(self.shadow_share)
        self._set_share(self.share)

    def _end(self, state: State, reason: str) -> None:
        if self.is_active:
            self._set_shadow(0.0)
            self._set_share(0.0)
            self.progress = replace(self.progress, state=state, reason=reason)
            self._finish(self.plan.old)
            self._on_change()

    def _set_paused(self, is_paused: bool) -> None:
        self.progress = replace(self.progress, is_paused=is_paused)
        self._on_change()
