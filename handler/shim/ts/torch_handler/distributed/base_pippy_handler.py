"""TorchServe's handler for PiPPy, which does not run here."""

raise ImportError(
    "ts.torch_handler.distributed.base_pippy_handler needs PiPPy and torchrun's processes for the parts of a model; "
    "here all models share one process"
)
