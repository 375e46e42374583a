"""The limits of a rollout's guards."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class GuardLimits:
    """The differences that are allowed, and the probability with which a version that keeps them is rolled back.

    `error_increase`: more errors per answer, absolute. `p95_increase`: of the old version's p95. `disagreement`: of
    shadowed answers that differ. `false_alarm_rate` is shared by the three guards, for one whole rollout.
    """

    error_increase: float = 0.001
    p95_increase: float = 0.25
    disagreement: float = 0.02
    false_alarm_rate: float = 0.01
