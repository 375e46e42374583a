"""Runs one batch under torch's profiler, and never two at once."""

import contextlib
import logging
import os
import tempfile
import threading

import torch
from torch.profiler import ProfilerActivity, profile, tensorboard_trace_handler

logger = logging.getLogger(__name__)

# Two profilers at work in one process end it with a segmentation fault.
_ALONE = threading.Lock()


def default_arguments(model_name, given):
    """The profiler's arguments: those given, and for the rest CPU and GPU, shapes, and a trace for TensorBoard."""
    arguments = dict(given)
    if "activities" not in arguments:
        gpu = [ProfilerActivity.CUDA] if torch.cuda.is_available() else []
        arguments |= {"activities": [ProfilerActivity.CPU, *gpu], "record_shapes": True}
    if "on_trace_ready" not in arguments:
        folder = os.path.join(tempfile.gettempdir(), "pytorch_profiler", model_name)
        logger.info("Saving chrome trace to : %s", folder)
        arguments["on_trace_ready"] = tensorboard_trace_handler(folder)
    return arguments


@contextlib.contextmanager
def profiled(arguments):
    """Profile a block, alone in the process, and log the dearest operations."""
    with _ALONE, profile(**arguments) as profiler:
        yield profiler
    logger.info(profiler.key_averages().table(sort_by="cpu_time_total", row_limit=10))
