"""Devices that bear one thread only: on MPS, two threads at work crash the process, so one serves all its models."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import cache
from typing import Any

from handler.devices.device import Device


def caller_for(device: Device) -> Callable[[Callable[[], Any]], Any] | None:
    """What calls a function on the device's only thread; None where every worker may use its own."""
    return _call_on_mps if device.kind == "mps" else None


def _call_on_mps(function: Callable[[], Any]) -> Any:
    return _mps_thread().submit(function).result()


@cache
def _mps_thread() -> ThreadPoolExecutor:
    return ThreadPoolExecutor(1, "mps")
