"""Files that appear whole or not at all."""

from pathlib import Path

import pytest

from model_registry.files.atomic_file import atomic_file


def test_the_file_is_there_when_the_block_has_ended(tmp_path: Path) -> None:
    target = tmp_path / "target"
    target.write_bytes(b"old")
    with atomic_file(target, 0o600) as file:
        file.write(b"new")
        assert target.read_bytes() == b"old"
    assert target.read_bytes() == b"new"
    assert target.stat().st_mode & 0o777 == 0o600
    assert list(tmp_path.iterdir()) == [target]


def test_a_block_that_raises_leaves_what_was_there(tmp_path: Path) -> None:
    target = tmp_path / "target"
    target.write_bytes(b"old")
    with pytest.raises(TypeError), atomic_file(target) as file:
        file.write("no bytes")  # type: ignore[arg-type]
    assert target.read_bytes() == b"old"
    assert list(tmp_path.iterdir()) == [target]
