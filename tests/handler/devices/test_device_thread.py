"""Devices with one thread."""

import threading

from handler.devices.device import CPU, Device
from handler.devices.device_thread import device_executor


def test_one_thread_serves_all_models_on_mps() -> None:
    first, second = (device_executor(Device("mps")) for _ in range(2))
    assert first is not None
    assert second is not None
    threads = [executor.submit(threading.get_ident).result() for executor in (first, second)]
    assert threads[0] == threads[1] != threading.get_ident()


def test_other_devices_leave_workers_their_own_threads() -> None:
    assert device_executor(CPU) is None
    assert device_executor(Device("cuda", 0)) is None
