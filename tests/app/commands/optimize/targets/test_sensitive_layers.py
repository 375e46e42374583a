"""Layers that bear no quantization are found, and left in float, or the model is rejected with their names."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest

from app.commands.optimize.agreement import Agreement, Limits, of_outputs
from app.commands.optimize.targets.sensitive_layers import Unbearable, quantize_within

LAYERS = ["first", "second", "third", "fourth"]
LOGITS = np.eye(10)


class Quantizer:
    """Spoils one row of outputs for each quantized layer that bears none."""

    def __init__(self, *sensitive: str) -> None:
        self._sensitive = sensitive

    def quantize(self, layers: Sequence[str]) -> Path:
        return Path("-".join(layers))

    def judge(self, file: Path) -> Agreement:
        spoilt = LOGITS.copy()
        for layer in set(str(file).split("-")) & set(self._sensitive):
            spoilt[LAYERS.index(layer)] = 1 - spoilt[LAYERS.index(layer)]
        return of_outputs([(LOGITS, spoilt)])


def quantized(*sensitive: str, seconds: float = 60) -> tuple[str, str]:
    quantizer = Quantizer(*sensitive)
    found = quantize_within(LAYERS, quantizer.quantize, quantizer.judge, Limits(), seconds)
    return str(found.file), found.notes[0]


def test_all_layers_where_all_bear_it() -> None:
    assert quantized() == ("first-second-third-fourth", "all 4 layers are quantized")


def test_those_that_hurt_are_left_in_float() -> None:
    file, note = quantized("second", "fourth")
    assert set(file.split("-")) == {"first", "third"}
    assert note.startswith("2 of 4 layers are quantized; left in float: ")
    assert "second (alone: top-1 90.0%" in note


def test_a_model_that_bears_none_is_rejected_with_the_layers() -> None:
    with pytest.raises(Unbearable, match=r"top-1 agreement of .* the worst: first \(alone: top-1 90.0%"):
        quantized(*LAYERS)


def test_a_search_ends_in_time() -> None:
    with pytest.raises(Unbearable, match="not found within"):
        quantized("first", seconds=-1)
