"""Tells what is in an image."""

import torch
import torch.nn.functional as F

from ts.handler_utils.timer import timed
from ts.torch_handler.image_processing import Processing, imagenet
from ts.torch_handler.image_processing import __getattr__ as __getattr__
from ts.torch_handler.vision_handler import VisionHandler
from ts.utils.util import map_class_to_label

__all__ = ["ImageClassifier", "VisionHandler", "map_class_to_label"]


class ImageClassifier(VisionHandler):
    """Answers each image with its `topk` likeliest labels: {label: probability}, the likeliest first."""

    topk = 5
    image_processing = Processing(imagenet)

    def set_max_result_classes(self, topk):
        """Set the number of labels in an answer."""
        self.topk = topk

    def get_max_result_classes(self):
        """The number of labels in an answer."""
        return self.topk

    @timed
    def postprocess(self, data):
        """Labels and probabilities from the model's scores; RuntimeError where it has fewer classes than `topk`."""
        probs, classes = torch.topk(F.softmax(data, dim=1), self.topk, dim=1)
        return map_class_to_label(probs.tolist(), self.mapping, classes.tolist())
