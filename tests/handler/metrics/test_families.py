"""The declared families."""

from pathlib import Path

import pytest

from handler.metrics.families import Family, read_families


def test_without_a_file_torchserves_families_exist() -> None:
    families = read_families()
    assert len(families.server) == 19
    assert list(families.model) == ["HandlerTime", "PredictionTime"]
    assert families.server["WorkerLoadTime"].labels == ("WorkerName", "Level", "Hostname")


def test_a_file_declares_other_families_and_the_host_is_appended_for_models(tmp_path: Path) -> None:
    file = tmp_path / "metrics.yaml"
    file.write_text(
        "dimensions: [&l Level]\n"
        "ts_metrics:\n  histogram:\n    - {name: QueueTime, unit: ms, dimensions: [*l, Hostname]}\n"
        "model_metrics:\n  counter:\n    - {name: Cats, unit: Count, dimensions: [Kind, *l]}\n"
        "    - {name: Dogs, unit: Count, dimensions: [*l, Hostname]}\n  gauge:\n"
    )
    assert list(read_families(file)) == [
        Family("QueueTime", "histogram", "ms", ("Level", "Hostname")),
        Family("Cats", "counter", "Count", ("Kind", "Level", "Hostname")),
        Family("Dogs", "counter", "Count", ("Level", "Hostname")),
    ]


def test_an_empty_file_declares_nothing(tmp_path: Path) -> None:
    file = tmp_path / "metrics.yaml"
    file.touch()
    assert list(read_families(file)) == []


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("- a list", "AttributeError"),
        ("ts_metrics: {summary: [{name: A, unit: ms, dimensions: []}]}", "summary is none of"),
        ("ts_metrics: {gauge: [{name: A, dimensions: []}]}", "unit"),
        ("ts_metrics: {gauge: [{name: a-b, unit: ms, dimensions: []}]}", "not names that Prometheus accepts"),
        ("ts_metrics: {gauge: [{name: A, unit: ms, dimensions: [x, x]}]}", "not names that Prometheus accepts"),
        ("ts_metrics: {gauge: [{name: A, unit: ms, dimensions: [__x]}]}", "not names that Prometheus accepts"),
        ("ts_metrics: {gauge: [{name: A, unit: ms, dimensions: 3}]}", "TypeError"),
        ("ts_metrics: {unclosed", "ParserError"),
        (
            "{ts_metrics: {gauge: [&a {name: A, unit: ms, dimensions: []}]}, model_metrics: {gauge: [*a]}}",
            "declared twice: A",
        ),
    ],
)
def test_a_wrong_file_is_refused_with_its_name_and_the_reason(tmp_path: Path, text: str, reason: str) -> None:
    file = tmp_path / "own.yaml"
    file.write_text(text)
    with pytest.raises(ValueError, match=f"metrics_config .*own.yaml: .*{reason}"):
        read_families(file)


def test_a_missing_file_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"nowhere\.yaml"):
        read_families(tmp_path / "nowhere.yaml")
