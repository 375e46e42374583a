"""Translates signs with ONNX Runtime; torch is not imported, so the server starts sooner and stays smaller."""

from pathlib import Path
from typing import Any

# An archive's files lie side by side, hence no dots.
import numpy as np
import onnxruntime
from features import FEATURES, FRAMES
from postprocessing import Postprocessor
from preprocessing import check_model_input, parse_batch


class OnnxSignFlowHandler:
    """As SignFlowHandler, for .onnx files only."""

    def initialize(self, context: Any) -> None:
        """Load the model and the labels, and run the model on an empty batch."""
        properties = context.system_properties
        file = Path(properties["model_dir"], context.manifest["model"]["serializedFile"])
        self.postprocessor = Postprocessor.from_context(context)
        self.session = open_session(file, properties.get("gpu_id"))
        check_model_input(self.session.get_inputs()[0].shape, file.name)
        self.device = "cuda" if self.session.get_providers()[0].startswith("CUDA") else "cpu"
        self.infer(np.zeros((properties.get("batch_size") or 1, FRAMES, FEATURES), np.float32))

    def handle(self, rows: list[dict[str, Any]], context: Any) -> list[dict[str, Any]]:
        """One answer for each row."""
        windows, problems = parse_batch(rows)
        return self.postprocessor.answers(self.infer(windows), problems, self.device, context)

    def infer(self, windows: np.ndarray) -> np.ndarray:
        """Logits [rows, signs] of windows [rows, frames, features]."""
        logits: np.ndarray = self.session.run(None, {"window": windows})[0]
        return logits


def open_session(file: Path, gpu_id: int | None) -> Any:
    """The model on the GPU, if the server has one for it and ONNX Runtime can use it, otherwise on the CPU.

    One thread: the model is small, and a server computes other batches beside this one. It does not spin between them.
    """
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    providers: list[Any] = ["CPUExecutionProvider"]
    if gpu_id is not None and "CUDAExecutionProvider" in onnxruntime.get_available_providers():
        providers.insert(0, ("CUDAExecutionProvider", {"device_id": gpu_id}))
    return onnxruntime.InferenceSession(str(file), sess_options=options, providers=providers)
