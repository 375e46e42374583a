"""Where a model goes: the accelerator that the server chose, or the CPU."""

import importlib.util
import os

import torch

XLA_AVAILABLE = importlib.util.find_spec("torch_xla") is not None


def choose_device(gpu_id):
    """The device for a worker, and the place that checkpoints and providers are named after.

    CUDA comes first, then Intel's XPU (with TS_IPEX_GPU_ENABLE=true), Apple's MPS, XLA, the CPU. A worker without a
    `gpu_id` gets none of the first three.
    """
    if torch.cuda.is_available() and gpu_id is not None:
        return torch.device(f"cuda:{gpu_id}"), "cuda"
    if os.environ.get("TS_IPEX_GPU_ENABLE", "false") == "true" and gpu_id is not None and torch.xpu.is_available():
        return torch.device(f"xpu:{gpu_id}"), "xpu"
    if torch.backends.mps.is_available() and gpu_id is not None:
        return torch.device("mps"), "mps"
    if XLA_AVAILABLE:
        return importlib.import_module("torch_xla.core.xla_model").xla_device(), None
    return torch.device("cpu"), "cpu"
