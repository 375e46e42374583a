"""Tells for each pixel of an image what it shows."""

import torch
import torch.nn.functional as F

from ts.torch_handler.image_processing import Processing, imagenet
from ts.torch_handler.image_processing import __getattr__ as __getattr__
from ts.torch_handler.vision_handler import VisionHandler

__all__ = ["ImageSegmenter", "VisionHandler"]


class ImageSegmenter(VisionHandler):
    """Answers each image with height x width pairs [class index, probability].

    The model's results are those of torchvision's segmentation models.
    """

    image_processing = Processing(imagenet)

    def postprocess(self, data):
        """The likeliest class of each pixel with its probability."""
        probability, index = torch.max(F.softmax(data["out"], dim=1), dim=1)
        return torch.stack([index.type(data["out"].dtype), probability], dim=3).tolist()
