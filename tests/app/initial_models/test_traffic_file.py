"""The file that keeps the traffic of models."""

from pathlib import Path

import pytest

from app.initial_models.traffic_file import FILE_NAME, TrafficFile


def test_without_traffic_there_is_no_file(tmp_path: Path) -> None:
    (tmp_path / FILE_NAME).write_text("{}")
    kept = TrafficFile(tmp_path)
    kept._written = "something"
    kept.save("snapshot", [])
    assert not (tmp_path / FILE_NAME).exists()
    assert kept.read() == {"models": {}}


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"models": []}', "\x00"])
def test_a_broken_file_counts_as_none(tmp_path: Path, text: str) -> None:
    (tmp_path / FILE_NAME).write_text(text)
    assert TrafficFile(tmp_path).read() == {"models": {}}
