"""TorchServe's way to PiPPy, which does not run here."""

raise ImportError(
    "ts.handler_utils.distributed.pt_pippy needs PiPPy and torchrun's processes for the parts of a model; "
    "here all models share one process"
)
