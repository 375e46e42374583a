"""Two archives are measured in turn."""

from typing import Any

from app.commands.optimize.measurement import Figures, measure_pair


class Process:
    """Answers as a child process does; each batch takes longer than the one before."""

    def __init__(self, seconds: float, order: list[float]) -> None:
        self.started = {"start_seconds": 1.5}
        self._seconds, self._order = seconds, order

    def call(self, name: str, timeout: float, *, rows: int, seconds: float) -> dict[str, Any]:
        self._order.append(self._seconds)
        used = self._seconds * rows + len(self._order)
        return {"seconds": 2 * used, "cpu_seconds": used, "memory": 7}


def test_the_figures_of_a_pair() -> None:
    order: list[float] = []
    pair = measure_pair(Process(4.0, order), Process(1.0, order), (1, 4), 0.1, (10, 20))  # type: ignore[arg-type]
    assert order == [4.0, 1.0] * 6
    assert pair.original.latency == 10_000
    assert pair.target.rates == {1: 1 / 3, 4: 4 / 8}
    assert (pair.target.size, pair.target.memory, pair.target.start) == (20, 7, 1.5)
    assert pair.gain == pair.target.best_rate / pair.original.best_rate
    assert Figures.of_json(pair.target.as_json()) == pair.target
