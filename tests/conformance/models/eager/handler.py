"""Leaves loading and inference to BaseHandler."""

import torch
from ts.torch_handler.base_handler import BaseHandler


class Eager(BaseHandler):
    def preprocess(self, data):
        return torch.tensor([row["body"] for row in data], dtype=torch.float32, device=self.device)

    def postprocess(self, answers):
        rows = answers.tolist()
        return [self.named(row) for row in rows] if self.mapping else rows

    def named(self, row):
        return {self.mapping[str(place)]: number for place, number in enumerate(row)}
