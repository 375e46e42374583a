"""The old version's rate of an event: its bound, and bursts."""

from model_registry.traffic.guards.recent_rate import BURST_ANSWERS, RECENT_ANSWERS, RecentRate


def observe(rate: RecentRate, event: bool, count: int) -> None:
    for _ in range(count):
        rate.observe(event)


def test_the_bound_is_above_the_rate_and_falls_with_the_answers() -> None:
    bounds = []
    for answers in (100, 1000):
        rate = RecentRate(burst=BURST_ANSWERS + 1)
        for number in range(answers):
            rate.observe(number % 10 == 0)
        bounds.append(rate.upper)
    assert 0.1 < bounds[1] < bounds[0] < 0.2


def test_only_recent_answers_count() -> None:
    rate = RecentRate(burst=BURST_ANSWERS + 1)
    observe(rate, True, 100)
    observe(rate, False, RECENT_ANSWERS)
    assert rate.upper < 0.001


def test_a_burst_raises_the_bound_until_it_is_over() -> None:
    rate = RecentRate(burst=3)
    observe(rate, False, RECENT_ANSWERS)
    observe(rate, True, 2)
    assert rate.upper < 0.01
    observe(rate, True, 1)
    assert rate.upper > 3 / BURST_ANSWERS
    observe(rate, False, BURST_ANSWERS)
    assert rate.upper < 0.01
