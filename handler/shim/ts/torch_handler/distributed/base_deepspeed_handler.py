"""TorchServe's handler for DeepSpeed, which does not run here."""

raise ImportError(
    "ts.torch_handler.distributed.base_deepspeed_handler needs DeepSpeed and torchrun's processes for a model's parts; "
    "here all models share one process"
)
