"""TorchServe's handler for NVIDIA DALI, which does not run here."""

raise ImportError(
    "ts.torch_handler.dali_handler needs NVIDIA DALI; "
    "let a ts.torch_handler.vision_handler.VisionHandler decode the images instead"
)
