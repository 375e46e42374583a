"""Results are kept for a later run, and the best is the one that serves most."""

from pathlib import Path

from app.commands.optimize.agreement import Agreement
from app.commands.optimize.measurement import Figures, Pair
from app.commands.optimize.session import NO_TIME, OptimizeSession, Plan, Result, best

ORIGINAL = Figures(2.0, {1: 500.0, 8: 800.0}, 1 << 20, 100, 1.0)


def result(name: str, rate: float, reason: str = "") -> Result:
    pair = Pair(ORIGINAL, Figures(1.0, {1: rate, 8: rate}, None, 50, 0.5))
    return Result(name, f"net-{name}.mar", reason, Agreement(4, float("inf"), 0.1, None, None, 1.0, 1.0), pair)


def test_a_result_is_read_as_it_was_written() -> None:
    read = Result.of_json(result("onnx", 1600).as_json())
    assert (read.agreement, read.pair) == (result("onnx", 1600).agreement, result("onnx", 1600).pair)
    assert Result.of_json(Result("bf16", reason="no").as_json()) == Result("bf16", reason="no", is_from_before=True)


def test_the_best_serves_most() -> None:
    found = best(
        [result("slow", 900), result("quick", 1600), result("wrong", 9000, "rejected"), Result("x", reason="y")]
    )
    assert found is not None
    assert (found.target, found.pair and found.pair.gain) == ("quick", 2.0)
    assert best([result("slower", 400)]) is None


def test_what_the_time_did_not_suffice_for_is_tried(
    onnx_archive: Path, sample_files: list[Path], tmp_path: Path
) -> None:
    plan = Plan(onnx_archive, sample_files, ["onnx"], tmp_path, neighbours=4, total_seconds=60)
    session = OptimizeSession(plan, lambda line: None)
    session.work.mkdir(parents=True)
    session._keep(Result("onnx", reason=NO_TIME))
    assert session._known("onnx") is None
    session._keep(Result("onnx", reason="rejected: too far"))
    assert session._known("onnx") is not None
