"""Measurements of the host, one function each; they need the package psutil."""

import logging
import types

from ts.metrics.dimension import Dimension
from ts.metrics.metric import Metric

system_metrics = []
"""The measurements."""
dimension = [Dimension("Level", "Host")]
logger = logging.getLogger(__name__)


def cpu_utilization():
    """Measure how busy the processors are."""
    _add("CPUUtilization", lambda psutil: psutil.cpu_percent(), "percent")


def memory_used():
    """Measure the memory in use."""
    _add("MemoryUsed", lambda psutil: psutil.virtual_memory().used / 2**20, "MB")


def memory_available():
    """Measure the memory that is left."""
    _add("MemoryAvailable", lambda psutil: psutil.virtual_memory().available / 2**20, "MB")


def memory_utilization():
    """Measure the share of the memory in use."""
    _add("MemoryUtilization", lambda psutil: psutil.virtual_memory().percent, "percent")


def disk_used():
    """Measure the disk space in use."""
    _add("DiskUsage", lambda psutil: psutil.disk_usage("/").used / 2**30, "GB")


def disk_utilization():
    """Measure the share of the disk space in use."""
    _add("DiskUtilization", lambda psutil: psutil.disk_usage("/").percent, "percent")


def disk_available():
    """Measure the disk space that is left."""
    _add("DiskAvailable", lambda psutil: psutil.disk_usage("/").free / 2**30, "GB")


def gpu_utilization(num_of_gpu):
    """Measure the GPUs' memory and work; they need the package nvgpu."""
    if not num_of_gpu:
        return
    import nvgpu
    from nvgpu import list_gpus

    for gpu in nvgpu.gpu_info():
        place = [*dimension, Dimension("device_id", gpu["index"])]
        system_metrics.append(Metric("GPUMemoryUtilization", gpu["mem_used_percent"], "percent", place))
        system_metrics.append(Metric("GPUMemoryUsed", gpu["mem_used"], "MB", place))
    for index, status in enumerate(list_gpus.device_statuses()):
        place = [*dimension, Dimension("device_id", index)]
        system_metrics.append(Metric("GPUUtilization", status["utilization"], "percent", place))


def collect_all(mod, num_of_gpu):
    """Call all measuring functions of a module, and log what has been measured."""
    for name, function in sorted(vars(mod).items()):
        if isinstance(function, types.FunctionType) and name not in ("collect_all", "log_msg") and name[0] != "_":
            function(num_of_gpu) if name == "gpu_utilization" else function()
    for metric in system_metrics:
        logger.info(str(metric))
    logger.info("")


def _add(name, measure, unit):
    import psutil

    system_metrics.append(Metric(name, measure(psutil), unit, dimension))
