"""A Python model that runs an ONNX file beside it, once for each batch."""

from pathlib import Path

import numpy as np
import onnxruntime
import triton_python_backend_utils as pb_utils


class TritonPythonModel:
    """Joins the requests of a batch, and parts the outputs again."""

    def initialize(self, args):
        file = Path(args["model_repository"], args["model_version"], "model.onnx")
        self.session = onnxruntime.InferenceSession(str(file), providers=["CPUExecutionProvider"])
        self.input, self.output = self.session.get_inputs()[0].name, self.session.get_outputs()[0].name

    def execute(self, requests):
        arrays = [pb_utils.get_input_tensor_by_name(request, self.input).as_numpy() for request in requests]
        outputs = self.session.run([self.output], {self.input: np.concatenate(arrays)})[0]
        ends = np.cumsum([len(array) for array in arrays])
        return [
            pb_utils.InferenceResponse([pb_utils.Tensor(self.output, part)]) for part in np.split(outputs, ends[:-1])
        ]
