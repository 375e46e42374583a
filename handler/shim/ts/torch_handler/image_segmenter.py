"""Tells for each pixel of an image what it shows."""

import torch
import torch.nn.functional as F

from ts.torch_handler.image_processing import imagenet, transforms
from ts.torch_handler.vision_handler import VisionHandler

__all__ = ["ImageSegmenter", "VisionHandler", "transforms"]


class ImageSegmenter(VisionHandler):
    """Answers each image with height x width pairs [class index, probability].

    The model's results are those of torchvision's segmentation models.
    """

    image_processing = imagenet()

    def postprocess(self, data):
        """The likeliest class of each pixel with its probability."""
        probability, index = torch.max(F.softmax(data["out"], dim=1), dim=1)
        return torch.stack([index.type(data["out"].dtype), probability], dim=3).tolist()
