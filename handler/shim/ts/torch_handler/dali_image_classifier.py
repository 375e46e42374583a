"""TorchServe's image classifier for NVIDIA DALI, which does not run here."""

raise ImportError(
    "ts.torch_handler.dali_image_classifier needs NVIDIA DALI; use ts.torch_handler.image_classifier instead"
)
