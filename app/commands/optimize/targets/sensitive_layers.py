"""Finds the layers that bear no quantization: they are left in float, or the model is rejected with their names."""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from app.commands.optimize.agreement import Agreement, Limits

SHOWN_LAYERS = 4
Quantize = Callable[[Sequence[str]], Path]
"""Makes a file in which these layers are quantized."""
Judge = Callable[[Path], Agreement]


class Unbearable(Exception):
    """The model cannot bear the quantization; the text names the layers that hurt most."""


@dataclass(frozen=True, slots=True)
class Harm:
    """The agreement when one layer alone is quantized."""

    layer: str
    agreement: Agreement

    @property
    def size(self) -> tuple[float, float]:
        """The harm, to sort by: lost top-1 agreement, then the mean difference."""
        return (1 - (1.0 if self.agreement.top1 is None else self.agreement.top1), self.agreement.mean)

    def __str__(self) -> str:
        top1 = "" if self.agreement.top1 is None else f"top-1 {self.agreement.top1:.1%}, "
        return f"{self.layer} (alone: {top1}mean difference {self.agreement.mean:.2g})"


@dataclass(frozen=True, slots=True)
class Quantized:
    """The file, and the layers of it that were left in float."""

    file: Path
    notes: tuple[str, ...]


def quantize_within(
    layers: Sequence[str], quantize: Quantize, judge: Judge, limits: Limits, seconds: float
) -> Quantized:
    """Quantize as many layers as the limits allow. Raises Unbearable where that is none, or after so many seconds."""
    file = quantize(layers)
    rejection = judge(file).rejection(limits)
    if not rejection:
        return Quantized(file, (f"all {len(layers)} layers are quantized",))
    deadline = time.monotonic() + seconds
    harms: list[Harm] = []
    for layer in layers:
        if time.monotonic() > deadline:
            raise Unbearable(f"{rejection}; the layers that hurt were not found within {seconds:.0f} s")
        harms.append(Harm(layer, judge(quantize([layer]))))
    harms.sort(key=lambda harm: harm.size, reverse=True)
    return _without_the_worst(harms, quantize, judge, limits, rejection)


def _without_the_worst(
    harms: Sequence[Harm], quantize: Quantize, judge: Judge, limits: Limits, rejection: str
) -> Quantized:
    """Leave the most harmful layers in float: the least number of them, found by halving."""
    low, high, best = 0, len(harms), None
    while high - low > 1:
        count = (low + high) // 2
        file = quantize([harm.layer for harm in harms[count:]])
        if judge(file).rejection(limits):
            low = count
        else:
            high, best = count, file
    if best is None:
        shown = ", ".join(map(str, harms[:SHOWN_LAYERS]))
        raise Unbearable(f"{rejection}, whichever layers are left in float; the worst: {shown}")
    kept = ", ".join(str(harm) for harm in harms[:high])
    return Quantized(best, (f"{len(harms) - high} of {len(harms)} layers are quantized; left in float: {kept}",))
