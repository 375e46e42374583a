"""The page on autoscaling is what its script writes (its burst: a day takes longer), and its control loop is right."""

import pytest

from tests.benchmarks.autoscaling.autoscaler import Autoscaler, Bounds
from tests.benchmarks.autoscaling.page import chart, loads, measured_capacity, outcomes, page
from tests.support.dockerfile import ROOT

PAGE = (ROOT / "docs" / "autoscaling.md").read_text(encoding="utf-8")
BOUNDS = Bounds(1, 10, 300)


def test_the_burst_of_the_page_is_what_the_script_simulates() -> None:
    capacity = measured_capacity()
    sudden, _ = loads(capacity)
    found = outcomes(sudden, capacity)
    computed = page({sudden.name: found, "a day": found}, capacity)
    beginning = computed.partition("## A day")[0]
    assert PAGE.startswith(beginning)
    assert (ROOT / "docs" / "images" / "autoscaling-burst.svg").read_text(encoding="utf-8") == chart(sudden.name, found)


@pytest.mark.parametrize(
    ("metrics", "pods", "wanted"),
    [
        ([[8.0], [8.0]], 2, 4),  # twice the target
        ([[4.3], [4.3]], 2, 2),  # within the tolerance
        ([[0.0], [0.0]], 2, 1),
        ([[40.0]], 1, 5),  # no more than four at once
        ([[40.0]] * 6, 6, 10),  # the most
        ([[8.0]], 2, 2),  # one is starting, and counts as idle
        ([[0.0]], 2, 1),  # it counts as just right: half of the target on average
        ([], 2, 2),
    ],
)
def test_the_control_loop_decides_as_kubernetes_does(metrics: list[list[float]], pods: int, wanted: int) -> None:
    assert Autoscaler(BOUNDS, [4.0]).decide(0, metrics, pods) == wanted


def test_the_metric_that_asks_for_more_counts() -> None:
    assert Autoscaler(BOUNDS, [70.0, 4.0]).decide(0, [[35.0, 8.0]] * 2, 2) == 4


def test_scaling_down_waits_for_the_highest_wish_of_the_window() -> None:
    autoscaler = Autoscaler(BOUNDS, [4.0])
    assert autoscaler.decide(0, [[8.0]] * 4, 4) == 8
    assert [autoscaler.decide(now, [[0.0]] * 8, 8) for now in (15, 300, 301)] == [8, 8, 1]
