"""Starts are counted, and shown as a table."""

from tests.benchmarks.cold_start import Starts, table


def test_only_quiet_starts_count_where_there_are_any() -> None:
    starts = Starts(seconds=[0.4, 0.5, 9.0], others=[0.1, 0.2, 1.5])
    assert (starts.median(0.3), starts.quiet(0.3)) == (0.45, 2)
    assert (starts.median(0.0), starts.quiet(0.0)) == (0.5, 0)


def test_the_table_sets_each_start_beside_its_limit() -> None:
    rows = {
        "bare": Starts([0.25], [0.0]),
        "marserve": Starts([0.5], [0.0], memory=90.4),
        "TorchServe": Starts([5.0], [2.0], memory=900.0, torch=True),
    }
    assert list(table({"onnx": rows}, 0.3))[2:] == [
        "| onnx | bare | 0.25 | 1.00 | 1 of 1 |  |  |",
        "| onnx | marserve | 0.50 | 2.00 | 1 of 1 | 90 |  |",
        "| onnx | TorchServe | 5.00 | 20.00 | 0 of 1 | 900 | yes |",
    ]
