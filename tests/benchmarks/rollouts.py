"""Simulated rollouts: how often the guards send a good version back, and how soon a bad one.

    python -m tests.benchmarks.rollouts --rollouts 1000

Each rollout has the default steps, limits and hold. Latencies are log-normal; `OLD_PER_NEW` answers of the old version
stand for the many that come with each of the new one.
"""

import argparse
from dataclasses import dataclass

import numpy as np

from model_registry.traffic.guards.guard_limits import GuardLimits
from model_registry.traffic.guards.regression_guards import RegressionGuards
from model_registry.traffic.rollout_plan import RolloutPlan

OLD_PER_NEW = 4
REFERENCE_ANSWERS = 500
MEDIAN_SECONDS = 0.01


@dataclass(frozen=True)
class Scenario:
    """A pair of versions: their error rates, the new one's slowness, and the spread of the latencies' logarithm."""

    name: str
    old_errors: float = 0.0
    new_errors: float = 0.0
    slowness: float = 1.0
    spread: float = 0.5

    @property
    def is_good(self) -> bool:
        """Whether the new version is no worse than the old one."""
        return self.new_errors <= self.old_errors and self.slowness <= 1


SCENARIOS = (
    Scenario("equal, no errors"),
    Scenario("equal, 0.5 % errors", 0.005, 0.005),
    Scenario("equal, 5 % errors, long tails", 0.05, 0.05, spread=1.0),
    Scenario("5 % errors, the old one none", 0, 0.05),
    Scenario("5 % errors, the old one 0.5 %", 0.005, 0.05),
    Scenario("twice as slow, narrow", slowness=2, spread=0.2),
    Scenario("twice as slow", slowness=2),
    Scenario("twice as slow, long tails", slowness=2, spread=1.0),
)


def answers_until_rollback(scenario: Scenario, rng: np.random.Generator, answers: int) -> int | None:
    """The answers of the new version after which it was sent back; None if it never was."""
    guards = RegressionGuards(GuardLimits())
    olds = REFERENCE_ANSWERS + answers * OLD_PER_NEW
    old = zip(_latencies(rng, olds, scenario.spread), rng.random(olds) < scenario.old_errors, strict=True)
    new_seconds = scenario.slowness * _latencies(rng, answers, scenario.spread)
    for _ in range(REFERENCE_ANSWERS):
        seconds, failed = next(old)
        guards.observe_old(seconds, failed=failed)
    for count, (seconds, failed) in enumerate(
        zip(new_seconds, rng.random(answers) < scenario.new_errors, strict=True), 1
    ):
        for _ in range(OLD_PER_NEW):
            old_seconds, old_failed = next(old)
            guards.observe_old(old_seconds, failed=old_failed)
        guards.observe_new(seconds, failed=failed)
        if guards.verdict:
            return count
    return None


def row(scenario: Scenario, rollouts: int, seed: int) -> str:
    """A row of the table."""
    plan, rng = RolloutPlan("1", "2"), np.random.default_rng(seed)
    answers = plan.hold * len(plan.steps)
    found = [answers_until_rollback(scenario, rng, answers) for _ in range(rollouts)]
    caught = [count for count in found if count is not None]
    quantiles = [f"{np.quantile(caught, q):.0f}" for q in (0.5, 0.95, 0.99)] if caught else ["", "", ""]
    return f"| {scenario.name} | {len(caught) / rollouts:.1%} | {' | '.join(quantiles)} |"


def _latencies(rng: np.random.Generator, count: int, spread: float) -> "np.ndarray[tuple[int], np.dtype[np.float64]]":
    return MEDIAN_SECONDS * rng.lognormal(0, spread, count)


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rollouts", type=int, default=1000, help="rollouts of each kind")
    parser.add_argument("--seed", type=int, default=0)
    chosen = parser.parse_args()
    print("| new version | sent back | median of its answers before | 95 % | 99 % |\n|---|---:|---:|---:|---:|")
    for scenario in SCENARIOS:
        print(row(scenario, chosen.rollouts, chosen.seed), flush=True)


if __name__ == "__main__":
    main()
