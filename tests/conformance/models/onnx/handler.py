"""Runs the session of ONNX Runtime that BaseHandler opened."""

import numpy as np
from ts.torch_handler.base_handler import BaseHandler


class Onnx(BaseHandler):
    def preprocess(self, data):
        return np.array([row["body"] for row in data], dtype=np.float32)

    def inference(self, rows):
        (feed,) = self.model.get_inputs()
        (answers,) = self.model.run(None, {feed.name: rows})
        return answers

    def postprocess(self, answers):
        return answers.tolist()
