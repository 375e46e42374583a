"""Takes tensors as torch.save writes them."""

import io

import torch

from ts.torch_handler.base_handler import BaseHandler


class DenseNetHandler(BaseHandler):
    """Stacks the tensors of a batch and answers with one for all, so the batch size has to be 1, as in TorchServe."""

    def preprocess(self, data):
        """The rows, each the bytes of a saved tensor, as one tensor on the device."""
        tensors = [torch.load(io.BytesIO(row.get("data") or row.get("body"))) for row in data]
        return torch.stack(tensors).to(self.device)

    def postprocess(self, data):
        """The model's result as it is."""
        return [data]
