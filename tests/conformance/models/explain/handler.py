"""Doubles numbers; explains and describes itself by the hooks of BaseHandler."""

import torch
from ts.torch_handler.base_handler import BaseHandler


class Explain(BaseHandler):
    def initialize(self, context):
        self.device = torch.device("cpu")
        self.manifest = context.manifest

    def preprocess(self, data):
        return torch.tensor([row["body"]["x"] for row in data], dtype=torch.float32)

    def inference(self, rows):
        return 2 * rows

    def get_insights(self, tensor_data, raw_data, target):
        return [{"importance": tensor_data.tolist(), "target": target, "raw": type(raw_data).__name__}]

    def describe_handle(self):
        return {"kind": "explainer", "labels": ["a", "b"]}
