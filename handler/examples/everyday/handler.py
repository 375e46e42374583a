"""Distinguishes irises by four lengths: {"features": [5.1, 3.5, 1.4, 0.2]} is a setosa."""

import json
from pathlib import Path
from typing import Any

import numpy as np

EXPECTED = "Send the sepal's length and width and the petal's length and width, in centimetres: [5.1, 3.5, 1.4, 0.2]"
MAX_CENTIMETRES = 100
"""More than any flower has."""


class FlowerHandler:
    """Fisher's linear discriminant; a request that cannot be read has status 400 and leaves its neighbours alone."""

    def initialize(self, context: Any) -> None:
        """Work the discriminant out of the measurements in flowers.json, all species being equally likely."""
        measured = json.loads(Path(context.system_properties["model_dir"], "flowers.json").read_text())
        means = np.array(list(measured["means"].values()))
        spread = np.array(measured["sums_of_squares_and_products_within_species"]) / measured["degrees_of_freedom"]
        self.species = list(measured["means"])
        self.weights = np.linalg.solve(spread, means.T)
        self.bias = -0.5 * np.sum(means.T * self.weights, axis=0)

    def handle(self, rows: list[dict[str, Any]], context: Any) -> list[dict[str, Any]]:
        """One answer for each row."""
        lengths, problems = np.ones((len(rows), 4)), {}
        for index, row in enumerate(rows):
            try:
                lengths[index] = read(row)
            except ValueError as reason:
                problems[index] = str(reason)
        answers = self.classify(lengths)
        for index, problem in problems.items():
            context.set_response_status(400, "Bad Request", index)
            answers[index] = {"code": 400, "type": "BadRequestException", "message": problem}
        return answers

    def classify(self, lengths: np.ndarray) -> list[dict[str, Any]]:
        """Species and probabilities for lengths [rows, 4] in centimetres."""
        scores = lengths @ self.weights + self.bias
        likelihoods = np.exp(scores - scores.max(axis=1, keepdims=True))
        shares = (likelihoods / likelihoods.sum(axis=1, keepdims=True)).round(4).tolist()
        return [
            {
                "prediction": self.species[share.index(max(share))],
                "probabilities": dict(zip(self.species, share, strict=True)),
            }
            for share in shares
        ]


def read(row: dict[str, Any]) -> np.ndarray:
    """The four lengths of a request: JSON with or without a content type, a form, or plain "5.1,3.5,1.4,0.2".

    Raises ValueError with a message for the client.
    """
    if next(iter(row), "").lstrip()[:1] in ("[", "{"):  # curl -d without a content type sends a form
        raise ValueError("JSON came as a form; send it with the header Content-Type: application/json")
    value = parse(row.get("body", row.get("data", row)))
    if isinstance(value, dict):
        value = parse(value.get("features"))
    try:
        lengths = np.array(value, dtype=float)
    except (TypeError, ValueError, OverflowError):
        raise ValueError(EXPECTED) from None
    if lengths.shape != (4,) or not ((lengths > 0) & (lengths < MAX_CENTIMETRES)).all():
        raise ValueError(EXPECTED)
    return lengths


def parse(value: Any) -> Any:
    """The value of a JSON string, anything else as it is."""
    if not isinstance(value, (str, bytes, bytearray)):
        return value
    try:
        text = value if isinstance(value, str) else value.decode()
        return json.loads(text if text.lstrip()[:1] in ("[", "{") else f"[{text}]")
    except (ValueError, RecursionError):
        raise ValueError(EXPECTED) from None
