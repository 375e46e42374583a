"""Regions of shared memory that clients register."""

import mmap
from collections.abc import Iterator
from multiprocessing.shared_memory import SharedMemory as Memory

import pytest

from app.open_inference.output_format import Region
from app.open_inference.shared_memory import SharedMemory
from handler.tensors.errors import Code, TensorError


@pytest.fixture
def memory() -> Iterator[Memory]:
    """Two pages that a client has made."""
    made = Memory(create=True, size=2 * mmap.PAGESIZE)
    yield made
    made.close()
    made.unlink()


def test_a_view_is_the_clients_memory(memory: Memory) -> None:
    regions = SharedMemory()
    regions.register("r", f"/{memory.name}", mmap.PAGESIZE, 64)
    view = regions.view(Region("r", 4, 8))
    view[:] = b"1234"
    assert bytes(memory.buf[mmap.PAGESIZE + 8 : mmap.PAGESIZE + 12]) == b"1234"
    assert [region.described()["byte_size"] for region in regions.status("r")] == [64]


@pytest.mark.parametrize(("key", "offset", "size", "code"), [
    ("/none-of-that-name", 0, 8, Code.INTERNAL), ("/../etc/passwd", 0, 8, Code.INTERNAL), ("", 0, 8, Code.INTERNAL),
    (None, 0, 3 * mmap.PAGESIZE, Code.INVALID_ARG), (None, 1, 8, Code.INVALID_ARG), (None, 0, 0, Code.INVALID_ARG),
    (None, 2**63, 8, Code.INVALID_ARG),
])  # fmt: skip
def test_what_cannot_be_mapped_is_refused(memory: Memory, key: str | None, offset: int, size: int, code: Code) -> None:
    regions = SharedMemory()
    with pytest.raises(TensorError) as refused:
        regions.register("r", f"/{memory.name}" if key is None else key, offset, size)
    assert refused.value.code is code
    assert regions.status() == []


def test_names_are_taken_once_until_they_are_given_back(memory: Memory) -> None:
    regions = SharedMemory()
    regions.register("r", memory.name, 0, 8)
    with pytest.raises(TensorError, match="already in manager"):
        regions.register("r", memory.name, 0, 8)
    with pytest.raises(TensorError, match="Invalid offset"):
        regions.view(Region("r", 8, 1))
    regions.unregister()
    regions.unregister("r")
    with pytest.raises(TensorError, match="Unable to find shared memory region: 'r'"):
        regions.view(Region("r", 1, 0))
    with pytest.raises(TensorError, match="Unable to find system shared memory"):
        regions.status("r")
