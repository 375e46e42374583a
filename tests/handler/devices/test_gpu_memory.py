"""The free memory of GPUs, as the driver's management library reports it."""

from typing import Any

import pytest

from handler.devices.gpu_memory import available_gpu_memory


class FakeLibraries:
    """A driver, and its management library, in which GPUs are known by their places on the bus."""

    def __init__(self, free: dict[str, int], refusal: str = "") -> None:
        self._free = free
        self._refusal = refusal

    def load(self, name: str) -> "FakeLibraries":
        return self

    def __getattr__(self, name: str) -> Any:
        return lambda *arguments: 999 if name == self._refusal else getattr(self, f"_{name}")(*arguments)

    def _cuInit(self, flags: int) -> int:  # noqa: N802
        return 0

    def _cuDeviceGet(self, device: Any, ordinal: int) -> int:  # noqa: N802
        device._obj.value = ordinal
        return 0

    def _cuDeviceGetPCIBusId(self, bus_id: Any, length: int, device: Any) -> int:  # noqa: N802
        bus_id.value = list(self._free)[device.value].encode()
        return 0

    def _nvmlInit_v2(self) -> int:  # noqa: N802
        return 0

    def _nvmlDeviceGetHandleByPciBusId_v2(self, bus_id: Any, handle: Any) -> int:  # noqa: N802
        handle._obj.value = sorted(self._free).index(bus_id.value.decode()) + 1
        return 0

    def _nvmlDeviceGetMemoryInfo(self, handle: Any, memory: Any) -> int:  # noqa: N802
        memory._obj.free = self._free[sorted(self._free)[handle.value - 1]]
        return 0


def test_a_gpu_is_found_by_its_place_on_the_bus_whatever_its_number_is() -> None:
    libraries = FakeLibraries({"0000:81:00.0": 70 << 30, "0000:01:00.0": 20 << 30})
    assert [available_gpu_memory(index, libraries.load) for index in (0, 1)] == [70 << 30, 20 << 30]


@pytest.mark.parametrize("refusal", ["cuInit", "cuDeviceGet", "nvmlInit_v2", "nvmlDeviceGetMemoryInfo"])
def test_what_a_library_refuses_to_say_is_unknown(refusal: str) -> None:
    assert available_gpu_memory(0, FakeLibraries({"0000:81:00.0": 1}, refusal).load) is None


def test_without_the_libraries_it_is_unknown() -> None:
    def load(name: str) -> None:
        raise OSError(name)

    assert available_gpu_memory(0, load) is None
