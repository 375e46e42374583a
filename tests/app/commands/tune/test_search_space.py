"""The search for the best setting: the settings that it measures, those that it skips, and its comparisons."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace

import pytest

from app.commands.tune.search_space import Measurement, Objective, Search, Setting

pytestmark = pytest.mark.anyio
BATCHES = [{"batch_size": size} for size in (1, 2, 4, 8, 16, 32)]
LAYOUTS = [{"workers": workers, "threads": None} for workers in (1, 2, 4, 8)]
DELAY = [{"delay": 5}]
SOME = Setting(1, 1, None, 5)


async def search(
    rate: Callable[[Setting], float], axes: Sequence[Sequence[Mapping[str, object]]], objective: Objective | None = None
) -> tuple[Measurement, list[Setting]]:
    """The best, and the measured settings in order; latencies follow from a hundred clients."""
    measured = []

    async def measure(setting: Setting, best: Measurement | None) -> Measurement:
        measured.append(setting)
        return at(setting, rate(setting))

    return await Search(axes, objective or Objective(), measure).run(), measured


def at(setting: Setting, rate: float) -> Measurement:
    return (
        Measurement(setting, rate, 1e5 / rate, 1.2e5 / rate, 1.5e5 / rate) if rate else Measurement(setting, error="no")
    )


async def test_few_combinations_are_all_measured_once() -> None:
    best, measured = await search(
        lambda setting: setting.batch_size * setting.workers, [BATCHES[:3], LAYOUTS[:3], DELAY]
    )
    assert (best.setting.batch_size, best.setting.workers) == (4, 4)
    assert len(measured) == len(set(measured)) == 9


async def test_of_many_one_thing_is_changed_at_a_time_until_nothing_is_gained() -> None:
    def rate(setting: Setting) -> float:
        """The best number of workers depends on the size of batches."""
        return 1000 - 40 * abs(setting.batch_size - 8) - 90 * abs(setting.workers - setting.batch_size // 4)

    best, measured = await search(rate, [BATCHES, LAYOUTS, DELAY])
    assert (best.setting.batch_size, best.setting.workers) == (8, 2)
    assert len(set(measured)) == len(measured) < 6 * 4


async def test_the_remainder_of_an_axis_that_only_gets_worse_is_skipped() -> None:
    _, measured = await search(lambda setting: 100 / setting.batch_size, [BATCHES, LAYOUTS, DELAY])
    assert [setting.batch_size for setting in measured if setting.workers == 1] == [1, 2, 4]


async def test_a_larger_setting_has_to_win_by_more_than_measurements_differ() -> None:
    best, _ = await search(lambda setting: 100 + setting.batch_size / 16, [BATCHES[:2], LAYOUTS[:2], DELAY])
    assert best.setting == SOME


async def test_a_setting_that_fails_does_not_win() -> None:
    best, _ = await search(
        lambda setting: 0 if setting.batch_size > 2 else setting.batch_size, [BATCHES[:4], DELAY, ONE]
    )
    assert best.setting.batch_size == 2


ONE = LAYOUTS[:1]


async def test_the_error_is_kept_where_nothing_works() -> None:
    best, _ = await search(lambda setting: 0, [BATCHES[:2], ONE, DELAY])
    assert (best.ok, best.error) == (False, "no")


def test_a_limit_comes_before_throughput() -> None:
    objective = Objective(limit=20)
    quick, many, slow = at(SOME, 6000), at(SOME, 7000), replace(at(SOME, 9000), p95=30)
    assert objective.beats(many, quick)
    assert objective.beats(quick, slow)
    assert not objective.beats(slow, quick)
    assert objective.beats(slow, replace(slow, p95=40)), "where none keeps to it, the quicker is better"


def test_the_least_latency_is_that_of_all_but_the_slowest_twentieth() -> None:
    assert Objective("latency").beats(replace(at(SOME, 10), p95=1), at(SOME, 500))


@pytest.mark.parametrize(("rate", "gives_up"), [(400, True), (600, False)])
def test_a_setting_that_loses_by_half_is_not_measured_to_the_end(rate: float, gives_up: bool) -> None:
    assert Objective().gives_up(at(SOME, rate), at(SOME, 1000)) is gives_up
    assert not Objective().gives_up(at(SOME, rate), None)
