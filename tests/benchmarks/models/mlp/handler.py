"""Four numbers in, three probabilities out; BaseHandler loads the model class and its weights."""

import torch
from ts.torch_handler.base_handler import BaseHandler


class Everyday(BaseHandler):
    def preprocess(self, data):
        return torch.tensor([row["body"]["features"] for row in data], dtype=torch.float32, device=self.device)

    def postprocess(self, data):
        return [{"best": row.index(max(row)), "probabilities": row} for row in data.tolist()]
