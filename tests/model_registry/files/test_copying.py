"""Copies of streams, up to a limit."""

from io import BytesIO

import pytest

from model_registry.files.copying import CHUNK_BYTES, TooLarge, copy


@pytest.mark.parametrize("size", [0, 1, CHUNK_BYTES, CHUNK_BYTES + 1, 3 * CHUNK_BYTES])
def test_everything_is_copied_and_counted(size: int) -> None:
    target = BytesIO()
    assert copy(BytesIO(b"x" * size), target, size) == size
    assert target.getvalue() == b"x" * size


def test_nothing_beyond_the_limit_is_written() -> None:
    target = BytesIO()
    with pytest.raises(TooLarge):
        copy(BytesIO(b"x" * (CHUNK_BYTES + 2)), target, CHUNK_BYTES + 1)
    assert len(target.getvalue()) <= CHUNK_BYTES + 1
