"""System shared memory that clients register, to pass tensors without sending them."""

import mmap
import os
import re
from dataclasses import dataclass
from typing import Any

from app.open_inference.output_format import Region
from handler.tensors.errors import Code, TensorError

KEY = re.compile(r"/?[^/\0]+")
FOLDER = "/dev/shm"  # noqa: S108 (shm_open keeps its objects there)


@dataclass(frozen=True, slots=True)
class RegisteredRegion:
    """A region as it was registered, and its memory."""

    name: str
    key: str
    offset: int
    byte_size: int
    memory: mmap.mmap

    def described(self) -> dict[str, Any]:
        """The region as its status has it."""
        return {"name": self.name, "key": self.key, "offset": self.offset, "byte_size": self.byte_size}


class SharedMemory:
    """The registered regions, by their names."""

    def __init__(self) -> None:
        self._regions: dict[str, RegisteredRegion] = {}

    def __repr__(self) -> str:
        return f"<SharedMemory, {len(self._regions)} regions>"

    def register(self, name: str, key: str, offset: int, byte_size: int) -> None:
        """Map a piece of a shared memory object; raises TensorError."""
        if name in self._regions:
            raise TensorError(f"shared memory region '{name}' already in manager", Code.ALREADY_EXISTS)
        self._regions[name] = RegisteredRegion(name, key, offset, byte_size, _mapped(name, key, offset, byte_size))

    def unregister(self, name: str | None = None) -> None:
        """Forget a region, or all of them."""
        if name is None:
            self._regions.clear()
        else:
            self._regions.pop(name, None)

    def status(self, name: str | None = None) -> list[RegisteredRegion]:
        """A region, or all of them; raises TensorError for one that is not there."""
        if name is None:
            return [self._regions[each] for each in sorted(self._regions)]
        if name not in self._regions:
            raise TensorError(f"Unable to find system shared memory region: '{name}'", Code.NOT_FOUND)
        return [self._regions[name]]

    def view(self, region: Region) -> memoryview:
        """The memory of a piece of a region; raises TensorError."""
        known = self._regions.get(region.name)
        if known is None:
            raise TensorError(f"Unable to find shared memory region: '{region.name}'", Code.NOT_FOUND)
        if region.offset + region.byte_size > known.byte_size:
            raise TensorError(f"Invalid offset + byte size for shared memory region: '{region.name}'")
        return memoryview(known.memory)[region.offset : region.offset + region.byte_size]


def _mapped(name: str, key: str, offset: int, byte_size: int) -> mmap.mmap:
    invalid = TensorError(f"failed to register shared memory region '{name}': invalid args")
    if not KEY.fullmatch(key):
        raise TensorError(f"Unable to open shared memory region: '{key}'", Code.INTERNAL)
    try:
        descriptor = os.open(os.path.join(FOLDER, key.lstrip("/")), os.O_RDWR)  # noqa: PTH118
    except OSError:
        raise TensorError(f"Unable to open shared memory region: '{key}'", Code.INTERNAL) from None
    try:
        if byte_size <= 0 or offset + byte_size > os.fstat(descriptor).st_size:
            raise invalid
        return mmap.mmap(descriptor, byte_size, offset=offset)
    except (ValueError, OSError, OverflowError):
        raise invalid from None
    finally:
        os.close(descriptor)
