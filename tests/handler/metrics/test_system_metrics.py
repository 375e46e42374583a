"""The gauges of the host."""

import re
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from handler.metrics.server_metrics import Metrics
from handler.metrics.system_metrics import Reading, SystemMetrics
from tests.support.metric_samples import samples

Lines = list[tuple[str, str]]


def metrics_with_lines(mode: Any, **options: Any) -> tuple[Metrics, Lines]:
    """Metrics in that mode, and the lines that they will write."""
    metrics, lines = Metrics(mode, hostname="vm", **options), Lines()
    metrics.log.sink = lambda log, new: lines.extend(
        (log, re.sub(r"timestamp:\d+", "timestamp:0", line)) for line in new
    )
    return metrics, lines


@pytest.fixture
def proc(tmp_path: Path) -> Path:
    """A /proc of a machine with 1000 MB of memory, half of it used."""
    (tmp_path / "meminfo").write_text(
        "MemTotal: 1024000 kB\nMemFree: 9 kB\nMemAvailable: 512000 kB\nHugePages_Total: 0\n"
    )
    (tmp_path / "stat").write_text("cpu  100 0 100 800 0 0 0 0 50 0\ncpu0 1 2 3\n")
    return tmp_path


def test_the_host_is_read_at_the_first_scrape_and_again_when_the_interval_is_over(proc: Path) -> None:
    times = iter([0.0, 30.0, 60.0, 60.0])
    system = SystemMetrics(interval=60, proc=proc, disk=proc, clock=lambda: next(times))
    metrics = Metrics(extra=False, hostname="vm", system=system)
    used = 'MemoryUsed{Level="Host",Hostname="vm",}'
    assert samples(metrics)[used] == 500
    (proc / "meminfo").write_text("MemTotal: 1024000 kB\nMemFree: 1024000 kB\n")
    assert samples(metrics)[used] == 500
    assert samples(metrics)[used] == 0


def test_in_log_mode_the_host_is_read_on_demand(proc: Path) -> None:
    metrics, lines = metrics_with_lines("log", system=SystemMetrics(proc=proc, disk=proc))
    metrics.expose()
    assert lines == []
    metrics.observe_host()
    assert ("ts", "MemoryUsed.Megabytes:500.0|#Level:Host|#hostname:vm,timestamp:0") in lines


def test_without_a_reader_the_host_is_never_read() -> None:
    metrics, lines = metrics_with_lines("log")
    metrics.observe_host()
    assert lines == []


def test_the_hosts_gauges_are_shares_megabytes_and_gigabytes(proc: Path) -> None:
    system = SystemMetrics(proc=proc, disk=proc)
    (proc / "stat").write_text("cpu  130 0 100 870 0 0 0 0 80 0\n")
    readings = {reading.name: reading.value for reading in system.collect()}
    assert readings["CPUUtilization"] == 30.0
    assert (readings["MemoryAvailable"], readings["MemoryUsed"], readings["MemoryUtilization"]) == (500, 500, 50)
    assert readings["DiskAvailable"] > 0
    assert 0 <= readings["DiskUtilization"] <= 100
    assert {reading.value for reading in system.collect() if reading.name == "CPUUtilization"} == {0.0}


def test_where_there_is_no_proc_only_the_disk_is_shown(tmp_path: Path) -> None:
    system = SystemMetrics(proc=tmp_path / "none", disk=tmp_path)
    assert {reading.name for reading in system.collect()} == {"DiskAvailable", "DiskUsage", "DiskUtilization"}
    assert repr(system) == "<SystemMetrics every 60 s>"


class FakeNvml:
    """NVML with two GPUs, the second of which is cut into parts and has no utilization."""

    NVMLError = LookupError

    def nvmlDeviceGetCount(self) -> int:  # noqa: N802
        return 2

    def nvmlDeviceGetHandleByIndex(self, index: int) -> int:  # noqa: N802
        return index

    def nvmlDeviceGetMemoryInfo(self, handle: int) -> SimpleNamespace:  # noqa: N802
        return SimpleNamespace(used=512 << 20, total=2048 << 20)

    def nvmlDeviceGetUtilizationRates(self, handle: int) -> SimpleNamespace:  # noqa: N802
        if handle:
            raise LookupError
        return SimpleNamespace(gpu=80)


def test_gpus_are_read_one_by_one_and_errors_passed_over(proc: Path) -> None:
    gpus = [reading for reading in SystemMetrics(proc=proc, disk=proc, nvml=FakeNvml()).collect() if reading.device]
    assert gpus == [
        Reading("GPUMemoryUtilization", 25.0, "0"),
        Reading("GPUMemoryUsed", 512.0, "0"),
        Reading("GPUUtilization", 80, "0"),
        Reading("GPUMemoryUtilization", 25.0, "1"),
        Reading("GPUMemoryUsed", 512.0, "1"),
    ]


def test_a_gpu_is_a_label_of_its_gauges(proc: Path) -> None:
    metrics = Metrics(extra=False, hostname="vm", system=SystemMetrics(proc=proc, disk=proc, nvml=FakeNvml()))
    assert samples(metrics, "GPUUtilization") == {'GPUUtilization{Level="Host",DeviceId="0",Hostname="vm",}': 80}
