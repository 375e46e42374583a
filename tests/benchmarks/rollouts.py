"""Simulated rollouts: how often the guards send a good version back, and how soon a bad one.

    python -m tests.benchmarks.rollouts --rollouts 1000

Each rollout has the default steps, limits and hold. Latencies are log-normal; `OLD_PER_NEW` answers of the old version
stand for the many that come with each of the new one. In spells something that both versions need is slow, or fails.
"""

import argparse
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from functools import partial

import numpy as np

from model_registry.traffic.guards.guard_limits import GuardLimits
from model_registry.traffic.guards.regression_guards import RegressionGuards
from model_registry.traffic.rollout_plan import RolloutPlan

OLD_PER_NEW = 4
REFERENCE_ANSWERS = 500
MEDIAN_SECONDS = 0.01
SPELL_ANSWERS, ANSWERS_BETWEEN_SPELLS = 50, 1000
"""Answers of the new version; those of the old one that come meanwhile are in the spell as well."""
Truths = np.ndarray[tuple[int], np.dtype[np.bool_]]


@dataclass(frozen=True)
class Scenario:
    """A pair of versions: their error rates, the new one's slowness, and the spread of the latencies' logarithm.

    In spells both are `spell_slowness` times as slow, and `spell_errors` more of their answers fail.
    """

    name: str
    old_errors: float = 0.0
    new_errors: float = 0.0
    slowness: float = 1.0
    spread: float = 0.5
    spell_errors: float = 0.0
    spell_slowness: float = 1.0

    def answers(self, rng: np.random.Generator, spells: Truths, *, new: bool) -> list[tuple[float, bool]]:
        """Answers of one version: the seconds, and whether it failed."""
        errors, slowness = (self.new_errors, self.slowness) if new else (self.old_errors, 1.0)
        seconds = MEDIAN_SECONDS * slowness * rng.lognormal(0, self.spread, len(spells))
        seconds[spells] *= self.spell_slowness
        failed = rng.random(len(spells)) < errors + self.spell_errors * spells
        return list(zip(seconds.tolist(), failed.tolist(), strict=True))


SCENARIOS = (
    Scenario("equal, no errors"),
    Scenario("equal, 0.5 % errors", 0.005, 0.005),
    Scenario("equal, 5 % errors, long tails", 0.05, 0.05, spread=1.0),
    Scenario("equal, spells of 20 % errors", 0.001, 0.001, spell_errors=0.2),
    Scenario("equal, spells three times as slow", spell_slowness=3),
    Scenario("5 % errors, the old one none", 0, 0.05),
    Scenario("5 % errors, the old one 0.5 %", 0.005, 0.05),
    Scenario("twice as slow, narrow", slowness=2, spread=0.2),
    Scenario("twice as slow", slowness=2),
    Scenario("twice as slow, long tails", slowness=2, spread=1.0),
)


def answers_until_rollback(scenario: Scenario, answers: int, seed: int) -> int | None:
    """The answers of the new version after which it was sent back; None if it never was."""
    guards, rng = RegressionGuards(GuardLimits()), np.random.default_rng(seed)
    spells = _spells(rng, answers)
    old = scenario.answers(
        rng, np.concatenate([np.zeros(REFERENCE_ANSWERS, bool), np.repeat(spells, OLD_PER_NEW)]), new=False
    )
    for seconds, failed in old[:REFERENCE_ANSWERS]:
        guards.observe_old(seconds, failed=failed)
    for count, (seconds, failed) in enumerate(scenario.answers(rng, spells, new=True), 1):
        first = REFERENCE_ANSWERS + (count - 1) * OLD_PER_NEW
        for old_seconds, old_failed in old[first : first + OLD_PER_NEW]:
            guards.observe_old(old_seconds, failed=old_failed)
        guards.observe_new(seconds, failed=failed)
        if guards.verdict:
            return count
    return None


def row(scenario: Scenario, rollouts: int, seed: int, pool: ProcessPoolExecutor) -> str:
    """A row of the table."""
    plan = RolloutPlan("1", "2")
    simulate = partial(answers_until_rollback, scenario, plan.hold * len(plan.steps))
    found = list(pool.map(simulate, range(seed, seed + rollouts), chunksize=10))
    caught = [count for count in found if count is not None]
    quantiles = [f"{np.quantile(caught, q):.0f}" for q in (0.5, 0.95, 0.99)] if caught else ["", "", ""]
    within = [f"{sum(count <= limit for count in caught) / rollouts:.1%}" for limit in (200, 500)]
    return f"| {scenario.name} | {rollouts} | {len(caught)} | {' | '.join(quantiles + within)} |"


def _spells(rng: np.random.Generator, answers: int) -> Truths:
    spells = np.zeros(answers, bool)
    for start in np.flatnonzero(rng.random(answers) < 1 / ANSWERS_BETWEEN_SPELLS):
        spells[start : start + SPELL_ANSWERS] = True
    return spells


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rollouts", type=int, default=1000, help="rollouts of each kind")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--processes", type=int, default=None, help="one for each core by default")
    parser.add_argument("kinds", nargs="*", help="those whose name has one of these words")
    chosen = parser.parse_args()
    print("| new version | rollouts | sent back | median | 95 % | 99 % | within 200 | within 500 |")
    print("|---|---:|---:|---:|---:|---:|---:|---:|")
    with ProcessPoolExecutor(chosen.processes) as pool:
        for scenario in SCENARIOS:
            if not chosen.kinds or any(word in scenario.name for word in chosen.kinds):
                print(row(scenario, chosen.rollouts, chosen.seed, pool), flush=True)


if __name__ == "__main__":
    main()
