"""Finds objects in an image."""

from ts.torch_handler.image_processing import Processing, plain
from ts.torch_handler.image_processing import __getattr__ as __getattr__
from ts.torch_handler.vision_handler import VisionHandler
from ts.utils.util import map_class_to_label

__all__ = ["ObjectDetector", "VisionHandler", "map_class_to_label"]


class ObjectDetector(VisionHandler):
    """Answers each image with a list of {label: [x1, y1, x2, y2], "score": s}, for scores from `threshold` on.

    The model's results are those of torchvision's detection models. All images of a batch need the same size.
    """

    image_processing = Processing(plain)
    threshold = 0.5

    def postprocess(self, data):
        """The boxes of each image whose score is high enough."""
        return [_objects(found, self.threshold, self.mapping) for found in data]


def _objects(found, threshold, mapping):
    sure = found["scores"] >= threshold
    boxes, labels, scores = (found[name][sure].tolist() for name in ("boxes", "labels", "scores"))
    named = map_class_to_label([[box] for box in boxes], mapping, [[label] for label in labels])
    return [{**box, "score": score} for box, score in zip(named, scores, strict=True)]
