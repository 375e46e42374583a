"""The base of the handlers of images."""

import base64
import functools
import io

import torch
from PIL import Image

from ts.handler_utils.timer import timed
from ts.torch_handler.base_handler import BaseHandler


class VisionHandler(BaseHandler):
    """Reads images; a subclass says with `image_processing` (any callable, image to tensor) how they become tensors."""

    def initialize(self, context):
        """Load the model; lift Pillow's limit on the size of images if the server's configuration says so."""
        super().initialize(context)
        if not context.system_properties.get("limit_max_image_pixels", True):
            Image.MAX_IMAGE_PIXELS = None

    @functools.cached_property
    def ig(self):
        """Captum's integrated gradients of the model; captum is imported when this is first asked for."""
        from captum.attr import IntegratedGradients

        return IntegratedGradients(self.model)

    @timed
    def preprocess(self, data):
        """The rows as one tensor on the device: encoded images, the same in base64, or nested lists of numbers."""
        values = [row.get("data") or row.get("body") for row in data]
        return torch.stack([_read(value, self.image_processing) for value in values]).to(self.device)

    def get_insights(self, tensor_data, _, target=0):
        """The attribution of each number of the tensor to class `target`, as nested lists."""
        return self.ig.attribute(tensor_data, target=target, n_steps=15).tolist()


def _read(value, image_processing):
    if isinstance(value, str):
        value = base64.b64decode(value)
    if isinstance(value, (bytes, bytearray)):
        return image_processing(Image.open(io.BytesIO(value)))
    return torch.FloatTensor(value)
