"""A sequential test of an event's rate: an answer after each observation, with a false-alarm rate that is stated."""

from math import inf, log

import numpy as np

ALTERNATIVES = (2.0, 4.0, 8.0, 20.0)
"""Multiples of the allowed rate for which evidence is collected, with equal shares of the capital."""
MAX_ALTERNATIVE = 0.9
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

    def __init__(self, alpha: float, alternatives: tuple[float, ...] = ALTERNATIVES) -> None:
        self.observations = 0
        self.threshold = -log(alpha)
        self._multiples = np.array(alternatives)
        self._log_ratios = np.zeros((1, len(alternatives)))
        self._log_shares = np.array([-log(2)])
        self._begun = 1
        self._peak = -inf

    def __repr__(self) -> str:
        return f"<SequentialTest {self.evidence:.2f} of {self.threshold:.2f} after {self.observations}>"

    @property
    def evidence(self) -> float:
        """The logarithm of the evidence against "no more frequent than allowed"."""
        shares = self._log_shares[:, None] - log(len(self._multiples))
        return float(np.logaddexp.reduce((self._log_ratios + shares).ravel()))

    @property
    def is_rejected(self) -> bool:
        """Whether the event has been shown to be more frequent than allowed."""
        return self._peak >= self.threshold

    def observe(self, *, event: bool, allowed: float) -> None:
        """Add an observation, of which an event was allowed with this probability (above 0, below 1)."""
        self.observations += 1
        alternatives = np.clip(self._multiples * allowed, allowed, max(allowed, MAX_ALTERNATIVE))
        if event:
            self._log_ratios += np.log(alternatives / allowed)
            self._peak = max(self._peak, self.evidence)
        else:
            self._log_ratios += np.log1p(-alternatives) - np.log1p(-allowed)
        if self.observations % RESTART_OBSERVATIONS == 0:
            self._restart()

    def _restart(self) -> None:
        self._begun += 1
        share = -log(self._begun * (self._begun + 1))  # 1/2 + 1/6 + 1/12 + ... = 1
        kept = [0, *range(1, len(self._log_shares))[-(MAX_RESTARTED - 1) :]]
        self._log_shares = np.append(self._log_shares[kept], share)
        self._log_ratios = np.vstack([self._log_ratios[kept], np.zeros(len(self._multiples))])
