"""Devices that allow one thread only: on MPS, two threads at work crash the process, so one serves all its models."""

from concurrent.futures import ThreadPoolExecutor
from functools import cache

from handler.devices.device import Device


def device_executor(device: Device) -> ThreadPoolExecutor | None:
    """The executor of the device's only thread; None where every worker may use its own."""
    return _mps_executor() if device.kind == "mps" else None


@cache
def _mps_executor() -> ThreadPoolExecutor:
    return ThreadPoolExecutor(1, "mps")
