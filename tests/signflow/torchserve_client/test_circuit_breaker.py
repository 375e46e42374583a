"""The circuit breaker: when it opens, when it wants a probe, and when it closes; by a clock of the tests' own."""

import pytest

from signflow.torchserve_client import LONGEST_COOLDOWN_SECONDS, Circuit, CircuitBreaker


class Clock:
    """Seconds that pass when the test says so."""

    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def opened(clock: Clock) -> CircuitBreaker:
    """A breaker that has just opened for two seconds."""
    breaker = CircuitBreaker(3, 2, clock)
    for _ in range(3):
        breaker.record_failure()
    return breaker


def test_failures_in_a_row_open_it_and_a_success_between_starts_the_row_anew(clock: Clock) -> None:
    breaker = CircuitBreaker(3, 2, clock)
    for record in ("failure", "failure", "success", "failure", "failure"):
        getattr(breaker, f"record_{record}")()
        assert breaker.state is Circuit.CLOSED
    breaker.record_failure()
    assert breaker.state is Circuit.OPEN
    assert repr(breaker) == "<CircuitBreaker open, 3 failures in a row>"


def test_a_closed_circuit_wants_no_probe(clock: Clock) -> None:
    assert not CircuitBreaker(3, 2, clock).take_probe()
    assert CircuitBreaker(3, 2, clock).seconds_until_probe == 0


def test_after_the_cooldown_exactly_one_probe_is_wanted(opened: CircuitBreaker, clock: Clock) -> None:
    clock.now += 1.5
    assert not opened.take_probe()
    assert opened.seconds_until_probe == 0.5
    clock.now += 0.5
    assert [opened.take_probe() for _ in range(3)] == [True, False, False]
    assert (opened.state, opened.seconds_until_probe) == (Circuit.HALF_OPEN, 0)


def test_a_probe_that_succeeds_closes_it(opened: CircuitBreaker, clock: Clock) -> None:
    clock.now += 2
    assert opened.take_probe()
    opened.record_success()
    assert opened.state is Circuit.CLOSED


def test_each_failed_probe_doubles_the_cooldown_up_to_the_longest_and_a_success_makes_it_short_again(
    opened: CircuitBreaker, clock: Clock
) -> None:
    for cooldown in (2, 4, 8, 16, 32, LONGEST_COOLDOWN_SECONDS, LONGEST_COOLDOWN_SECONDS):
        clock.now += cooldown - 0.1
        assert not opened.take_probe()
        clock.now += 0.1
        assert opened.take_probe()
        opened.record_failure()
    clock.now += LONGEST_COOLDOWN_SECONDS
    assert opened.take_probe()
    opened.record_success()
    for _ in range(3):
        opened.record_failure()
    clock.now += 2
    assert opened.take_probe()


def test_a_probe_without_an_outcome_is_followed_by_another(opened: CircuitBreaker, clock: Clock) -> None:
    clock.now += 2
    assert [opened.take_probe() for _ in range(2)] == [True, False]
    clock.now += 2
    assert [opened.take_probe() for _ in range(2)] == [True, False]


def test_late_failures_of_earlier_requests_do_not_prolong_the_cooldown(opened: CircuitBreaker, clock: Clock) -> None:
    clock.now += 1
    opened.record_failure()
    clock.now += 1
    assert opened.take_probe()
