"""The agreement of an optimised model with the original: figures of outputs and answers, and the tolerance for them."""

import math
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from app.commands.optimize.recording import Answer, Recording
from model_registry.traffic.comparison import Response, compare
from model_registry.traffic.tolerance import Tolerance

TOP_K = 5
MIN_DEVIATION = 1e-6
"""The least deviation of an output that differences are divided by."""
CLASSIFIER_MEAN = 0.1
"""The mean difference that a classifier may have, in deviations of the output, where its classes agree."""
ANSWERS = Tolerance(relative=0.02, absolute=0.02)
"""Numbers of answers that differ by this are equal."""


@dataclass(frozen=True, slots=True)
class Limits:
    """The tolerance: parts of the top classes and of the answers that must be the same, and a mean difference.

    The mean is in deviations of the output. `answers` holds for all answers and for those of the samples alone.
    """

    top1: float = 0.995
    mean: float = 0.02
    answers: float = 0.8


@dataclass(frozen=True, slots=True)
class Agreement:
    """Figures over all rows. Differences are in deviations of the original's outputs, agreements parts of 1.

    `top1` and `top_k` are None where no output has classes. `answers` are those that are equal after post-processing.
    """

    rows: int
    largest: float
    mean: float
    top1: float | None
    top_k: float | None
    answers: float
    sample_answers: float
    """As `answers`, of the samples alone."""
    problem: str = ""
    """The reason why outputs cannot be compared at all."""

    def rejection(self, limits: Limits) -> str:
        """The reason why this is beyond the limits, "" if it is not."""
        if self.problem:
            return self.problem
        if self.top1 is not None and self.top1 < limits.top1:
            return f"top-1 agreement of {self.top1:.2%} is below {limits.top1:.2%}"
        allowed = limits.mean if self.top1 is None else max(limits.mean, CLASSIFIER_MEAN)
        if not self.mean <= allowed:
            return f"the mean difference of {self.mean:.2g} deviations exceeds {allowed:g}"
        return self._rejection_of_answers(limits)

    def _rejection_of_answers(self, limits: Limits) -> str:
        for part, whose in ((self.sample_answers, "answers to the samples"), (self.answers, "answers")):
            if part < limits.answers:
                return f"{part:.2%} of the {whose} are equal after post-processing, fewer than {limits.answers:.2%}"
        return ""

    def as_json(self) -> dict[str, Any]:
        """For machines: null for differences without a bound."""
        return {key: None if value == math.inf else value for key, value in asdict(self).items()}


def agreement(original: Recording, optimised: Recording) -> Agreement:
    """Compare two recordings of the same requests and neighbours."""
    answers = [_is_equal(*pair) for pair in zip(original.answers, optimised.answers, strict=False)]
    of_samples = [equal for equal, each in zip(answers, original.answers, strict=False) if not each.is_neighbour]
    equal, samples = _part(answers), _part(of_samples)
    problem = _problem(original, optimised)
    if problem:
        return Agreement(0, math.inf, math.inf, None, None, equal, samples, problem)
    pairs = [_joined(original, optimised, place) for place in range(len(original.calls[0].outputs))]
    return of_outputs(pairs, equal, samples)


def of_outputs(pairs: Sequence[tuple[Any, Any]], answers: float = 1.0, samples: float = 1.0) -> Agreement:
    """The figures of (original, optimised) outputs of all rows, each flat rows or [rows, classes]."""
    gaps = [_gaps(*pair) for pair in pairs]
    classes = [pair for pair in pairs if pair[0].ndim == 2 and pair[0].shape[1] > 1]
    return Agreement(
        rows=max(len(pair[0]) for pair in pairs),
        largest=max(float(gap.max(initial=0.0)) for gap in gaps),
        mean=max(float(gap.mean()) if gap.size else 0.0 for gap in gaps),
        top1=min((_top1(*pair) for pair in classes), default=None),
        top_k=min((_top_k(*pair) for pair in classes), default=None),
        answers=answers,
        sample_answers=samples,
    )


def _problem(original: Recording, optimised: Recording) -> str:
    if len(original.answers) != len(optimised.answers) or len(original.calls) != len(optimised.calls):
        return f"its model is called {len(optimised.calls)} times instead of {len(original.calls)}"
    for one, other in zip(original.answers, optimised.answers, strict=True):
        if one.status != other.status:
            return f"a request is answered with {other.status}: {other.body[:200].decode(errors='replace')}"
    if not original.calls or not original.calls[0].outputs:
        return "no call of a model was seen"
    for before, after in zip(original.calls, optimised.calls, strict=True):
        one_shapes, other_shapes = ([array.shape for array in call.outputs] for call in (before, after))
        if one_shapes != other_shapes:
            return f"its outputs have the shapes {other_shapes} instead of {one_shapes}"
    return ""


def _joined(original: Recording, optimised: Recording, place: int) -> tuple[Any, Any]:
    """An output of all calls: rows of classes where it is that, else one column of numbers."""
    one, other = ([call.outputs[place] for call in each.calls] for each in (original, optimised))
    if all(array.ndim == 2 for array in one) and len({array.shape[1] for array in one}) == 1:
        return np.concatenate(one), np.concatenate(other)
    return (np.concatenate([array.reshape(-1) for array in each]) for each in (one, other))  # type: ignore[return-value]


def _gaps(one: Any, other: Any) -> Any:
    """Differences in deviations; infinite where one of the two is no number."""
    wanted, found = one.astype(np.float64), other.astype(np.float64)
    finite = wanted[np.isfinite(wanted)]
    deviation = max(MIN_DEVIATION, float(finite.std()) if finite.size > 1 else abs(float(finite.sum())))
    same = (wanted == found) | (np.isnan(wanted) & np.isnan(found))
    with np.errstate(invalid="ignore"):
        gaps = np.where(same, 0.0, np.abs(wanted - found) / deviation)
    return np.where(np.isnan(gaps), np.inf, gaps)


def _top1(one: Any, other: Any) -> float:
    return float((one.argmax(axis=1) == other.argmax(axis=1)).mean())


def _top_k(one: Any, other: Any) -> float:
    """The mean part of the k best classes that are the same, in any order."""
    k = min(TOP_K, one.shape[1] - 1)
    best = [np.argsort(-each, axis=1, kind="stable")[:, :k] for each in (one, other)]
    return float(np.mean([len(set(mine) & set(theirs)) / k for mine, theirs in zip(*best, strict=True)]))


def _is_equal(one: Answer, other: Answer) -> bool:
    return not compare(Response(one.status, one.body), Response(other.status, other.body), ANSWERS)


def _part(values: Sequence[bool]) -> float:
    return sum(values) / len(values) if values else 1.0


def figures(found: Agreement) -> Iterator[str]:
    """The figures in words."""
    if found.problem:
        yield found.problem
        return
    yield f"differences {found.largest:.2g} at most, {found.mean:.2g} in the mean (in deviations of the outputs)"
    if found.top1 is not None and found.top_k is not None:
        yield f"top-1 {found.top1:.2%}, top-{TOP_K} {found.top_k:.2%} of {found.rows} rows"
    yield f"equal answers {found.answers:.2%}, of the samples {found.sample_answers:.2%}"
