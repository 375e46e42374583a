"""TorchServe's way to DeepSpeed, which does not run here."""

raise ImportError(
    "ts.handler_utils.distributed.deepspeed needs DeepSpeed and torchrun's processes for the parts of a model; "
    "here all models share one process"
)
