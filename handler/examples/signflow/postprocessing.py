"""Turns logits into answers: the likeliest signs with their confidence, or the problem of the request."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

SIGNS_PER_ANSWER = 4
"""The prediction and its alternatives."""


@dataclass(frozen=True)
class Postprocessor:
    """The labels of an archive, and the temperature of its confidences: above 1 they are lower than the model's own."""

    labels: tuple[str, ...]
    temperature: float

    @classmethod
    def from_context(cls, context: Any) -> "Postprocessor":
        """The labels of index_to_name.json, and `temperature` of `signflow` in model-config.yaml, 1 by default."""
        labels = json.loads(Path(context.system_properties["model_dir"], "index_to_name.json").read_text())
        config = (context.model_yaml_config or {}).get("signflow", {})
        return cls(tuple(labels[str(index)] for index in range(len(labels))), float(config.get("temperature", 1)))

    def answers(
        self, logits: np.ndarray, problems: Mapping[int, str], device: str, context: Any
    ) -> list[dict[str, Any]]:
        """One answer for each row of logits [rows, signs]; a row with a problem has status 400 and its message."""
        answers = [self._answer(row, device) for row in self._confidences(logits)]
        for index, problem in problems.items():
            context.set_response_status(400, "Bad Request", index)
            answers[index] = {"code": 400, "type": "BadRequestException", "message": problem}
        return answers

    def _confidences(self, logits: np.ndarray) -> np.ndarray:
        """Softmax over the signs."""
        scaled = logits / self.temperature
        weights = np.exp(scaled - scaled.max(axis=1, keepdims=True))
        return weights / weights.sum(axis=1, keepdims=True)

    def _answer(self, confidences: np.ndarray, device: str) -> dict[str, Any]:
        likeliest = np.argsort(-confidences)[:SIGNS_PER_ANSWER]
        ranked = [
            {"sign": self.labels[index], "confidence": round(float(confidences[index]), 4)} for index in likeliest
        ]
        return {
            "prediction": ranked[0]["sign"],
            "confidence": ranked[0]["confidence"],
            "alternatives": ranked[1:],
            "device": device,
        }
