"""A sequential test of an event's rate: an answer after each observation, with a false-alarm rate that is stated."""

from math import exp, inf, log, log1p

ALTERNATIVES = (2.0, 4.0, 10.0, 18.0)
"""Multiples of the allowed odds for which evidence is collected, with equal shares of the capital."""
FIRST_CAPITAL = 0.8
"""The part of the capital with which the first test begins; the later ones share the rest."""
RESTART_OBSERVATIONS = 200
"""Observations after which another test begins beside the first: a version that turns bad late is not protected by the
good record that it had before."""
MAX_RESTARTED = 3
"""Tests that are kept beside the first; the oldest of them goes when another begins."""


class SequentialTest:
    """Tests "the event is no more frequent than allowed" after each observation.

    The evidence is a mixture of likelihood ratios, each a supermartingale while the rate stays at or below the allowed
    one. By Ville's inequality it exceeds 1 / alpha with a probability of at most alpha, however long one looks.
    The allowed rate may be another one at each observation, as long as it was fixed before that.
    Source: Ville 1939; Wald 1945; the restarts as in Shin, Ramdas, Rinaldo, "E-detectors", 2024.
    """

    def __init__(self, alpha: float) -> None:
        self.observations = 0
        self.threshold = -log(alpha)
        self._begun = 0
        self._ratios: list[list[float]] = []
        """Logarithms of share times likelihood ratio: a row for each test, a column for each alternative."""
        self._peak = -inf
        self._begin_test()

    def __repr__(self) -> str:
        return f"<SequentialTest {self.evidence:.2f} of {self.threshold:.2f} after {self.observations}>"

    @property
    def evidence(self) -> float:
        """The logarithm of the evidence against "no more frequent than allowed"."""
        terms = [ratio for row in self._ratios for ratio in row]
        largest = max(terms)
        return largest + log(sum(exp(term - largest) for term in terms))

    @property
    def is_rejected(self) -> bool:
        """Whether the event has been shown to be more frequent than allowed."""
        return self._peak >= self.threshold

    def observe(self, *, event: bool, allowed: float) -> None:
        """Add an observation, of which an event was allowed with this probability (above 0, below 1)."""
        self.observations += 1
        rates = [multiple * allowed / (1 + (multiple - 1) * allowed) for multiple in ALTERNATIVES]
        steps = [log(rate / allowed) if event else log1p(-rate) - log1p(-allowed) for rate in rates]
        self._ratios = [[ratio + step for ratio, step in zip(row, steps, strict=True)] for row in self._ratios]
        if event:
            self._peak = max(self._peak, self.evidence)
        if self.observations % RESTART_OBSERVATIONS == 0:
            self._begin_test()

    def _begin_test(self) -> None:
        """Begin another test, with its share of the capital: 4/5, then 1/5 of 1/2 + 1/6 + 1/12 + ... = 1."""
        restarts = self._begun
        capital = (1 - FIRST_CAPITAL) / (restarts * (restarts + 1)) if restarts else FIRST_CAPITAL
        self._begun += 1
        row = [log(capital / len(ALTERNATIVES))] * len(ALTERNATIVES)
        self._ratios = [*self._ratios[:1], *self._ratios[1:][-(MAX_RESTARTED - 1) :], row]
