"""Translates signs with TorchScript or ONNX, on the best device there is; a TorchServe handler like any other."""

import logging
from typing import Any

# An archive's files lie side by side, hence no dots.
import numpy as np
import torch
from features import FEATURES, FRAMES
from postprocessing import Postprocessor
from preprocessing import check_model_input, parse_batch
from ts.torch_handler.base_handler import BaseHandler

LOG = logging.getLogger(__name__)


class SignFlowHandler(BaseHandler):
    """From landmarks or windows to signs; a request that cannot be read has status 400 and leaves the others alone."""

    def initialize(self, context: Any) -> None:
        """Load the model and the labels, and run the model on empty batches."""
        super().initialize(context)
        if self._is_onnx():
            check_model_input(self.model.get_inputs()[0].shape, context.manifest["model"]["serializedFile"])
        self.postprocessor = Postprocessor.from_context(context)
        for rows in (1, context.system_properties.get("batch_size") or 1):
            self._warm_up(rows)

    def preprocess(self, data: list[dict[str, Any]]) -> np.ndarray:
        """Windows [rows, frames, features]; empty ones for the rows that cannot be read."""
        windows, self.problems = parse_batch(data)
        return windows

    def inference(self, data: np.ndarray, *args: Any, **kwargs: Any) -> np.ndarray:
        """Logits [rows, signs]."""
        if self._is_onnx():
            return self.model.run(None, {"window": data})[0]
        with torch.inference_mode():
            return self.model(torch.from_numpy(data).to(self.device)).cpu().numpy()

    def postprocess(self, data: np.ndarray) -> list[dict[str, Any]]:
        """One answer for each row."""
        return self.postprocessor.answers(data, self.problems, self._device_name(), self.context)

    def _load_torchscript_model(self, model_pt_path: str) -> Any:
        """The model on the device that the server chose, or on the CPU where the device cannot run it."""
        try:
            self.model = torch.jit.load(model_pt_path, map_location=self.device).eval()
            self._warm_up(1)
        except RuntimeError as error:
            if self.device.type == "cpu":
                raise
            LOG.warning("The model does not run on %s and goes to the CPU: %s", self.device, error)
            self.device = torch.device("cpu")
            self.model = torch.jit.load(model_pt_path, map_location=self.device).eval()
        return self.model

    def _warm_up(self, rows: int) -> None:
        try:
            self.inference(np.zeros((rows, FRAMES, FEATURES), np.float32))
        except RuntimeError as error:
            error.add_note(f"The model was run on windows of {FRAMES} x {FEATURES}, which features.py makes.")
            raise

    def _is_onnx(self) -> bool:
        return hasattr(self.model, "get_providers")

    def _device_name(self) -> str:
        if not self._is_onnx():
            return str(self.device)
        return str(self.device) if self.model.get_providers()[0].startswith("CUDA") else "cpu"
