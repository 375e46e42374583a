"""TorchServe's pipelines for NVIDIA DALI, which do not run here."""

raise ImportError(
    "ts.handler_utils.preprocess.dali needs NVIDIA DALI; "
    "let a ts.torch_handler.vision_handler.VisionHandler decode the images instead"
)
