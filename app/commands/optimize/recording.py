"""Records what a handler gives to its model and gets from it, and the answers that it makes of that."""

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from app.commands.optimize.neighbours import neighbour

CallModel = Callable[..., Any]


@dataclass(frozen=True, slots=True)
class ModelCall:
    """One call of the model: the rows of its batch of requests, inputs by name, and flat outputs."""

    rows: int
    inputs: Mapping[str, Any]
    outputs: Sequence[Any]
    is_neighbour: bool = False


@dataclass(frozen=True, slots=True)
class Answer:
    """The answer to a request, or to a neighbour of it."""

    status: int
    body: bytes
    is_neighbour: bool = False


@dataclass(frozen=True, slots=True)
class Recording:
    """Calls and answers, in their order; `structure` describes how the model returns its outputs."""

    calls: Sequence[ModelCall] = ()
    answers: Sequence[Answer] = ()
    structure: str = "tensor"
    positional: int = 0
    """The number of inputs that are given without their names."""
    constants: Mapping[str, Any] = field(default_factory=dict)
    """Arguments that are no tensors, by name."""
    mode: str = "no_grad"
    """The context manager of torch in which the handler calls its model."""

    def save(self, file: Path) -> None:
        """Write it as .npz without pickles."""
        arrays: dict[str, Any] = {}
        for number, call in enumerate(self.calls):
            arrays |= {f"{number}.in.{name}": value for name, value in call.inputs.items()}
            arrays |= {f"{number}.out.{place}": value for place, value in enumerate(call.outputs)}
        arrays |= {f"{number}.body": np.frombuffer(each.body, np.uint8) for number, each in enumerate(self.answers)}
        head = {
            "calls": [[call.rows, call.is_neighbour, list(call.inputs), len(call.outputs)] for call in self.calls],
            "answers": [[each.status, each.is_neighbour] for each in self.answers],
            "structure": self.structure, "positional": self.positional, "constants": dict(self.constants),
            "mode": self.mode,
        }  # fmt: skip
        arrays["head"] = np.frombuffer(json.dumps(head).encode(), np.uint8)
        with file.open("wb") as out:
            np.savez(out, allow_pickle=False, **arrays)

    @classmethod
    def load(cls, file: Path) -> "Recording":
        """Read what `save` has written."""
        with np.load(file, allow_pickle=False) as arrays:
            head = json.loads(arrays["head"].tobytes())
            calls = [
                ModelCall(
                    rows,
                    {name: arrays[f"{number}.in.{name}"] for name in names},
                    [arrays[f"{number}.out.{place}"] for place in range(outputs)],
                    is_neighbour,
                )
                for number, (rows, is_neighbour, names, outputs) in enumerate(head["calls"])
            ]
            answers = [
                Answer(status, arrays[f"{number}.body"].tobytes(), is_neighbour)
                for number, (status, is_neighbour) in enumerate(head["answers"])
            ]
        return cls(calls, answers, head["structure"], head["positional"], head["constants"], head["mode"])


class UnsupportedModel(Exception):
    """The model is called in a way that cannot be reproduced; the text is the reason."""


class Recorder:
    """Keeps the calls of one model. With a `seed`, inputs are replaced by neighbours before the model gets them."""

    def __init__(self) -> None:
        self.calls: list[ModelCall] = []
        self.rows = 1
        self.seed: int | None = None
        self.is_active = False
        self.structure = ""
        self.positional = 0
        self.constants: dict[str, Any] = {}
        self.mode = "no_grad"

    def __repr__(self) -> str:
        return f"<Recorder of {len(self.calls)} calls>"

    def call_model(self, model: CallModel, names: Sequence[str], args: Sequence[Any], kwargs: Mapping[str, Any]) -> Any:
        """Call a module, and record it."""
        if not self.is_active:
            return model(*args, **kwargs)
        named = dict(zip(_names(names, len(args)), args, strict=True)) | dict(kwargs)
        self.positional, self.mode = len(args), gradient_mode()
        self.constants = {name: value for name, value in named.items() if not hasattr(value, "detach")}
        inputs = {name: _array(value) for name, value in named.items() if hasattr(value, "detach")}
        if self.seed is not None:
            inputs = neighbour(inputs, self.seed)
            named |= {name: _like(named[name], array) for name, array in inputs.items()}
        values = list(named.values())
        output = model(*values[: len(args)], **dict(list(named.items())[len(args) :]))
        self.structure, outputs = flatten(output)
        self._record(inputs, outputs)
        return output

    def run_session(self, session: Any, outputs: Any, feed: Mapping[str, Any], *options: Any) -> Any:
        """Run an ONNX Runtime session, and record it."""
        if not self.is_active:
            return session.run(outputs, feed, *options)
        inputs = {name: np.asarray(value) for name, value in feed.items()}
        if self.seed is not None:
            inputs = neighbour(inputs, self.seed)
        found = session.run(outputs, inputs, *options)
        self.structure = "list"
        self._record(inputs, list(found))
        return found

    def _record(self, inputs: Mapping[str, Any], outputs: Sequence[Any]) -> None:
        kept = [np.array(array) for array in outputs]
        self.calls.append(ModelCall(self.rows, dict(inputs), kept, self.seed is not None))


class RecordingModel:
    """Stands before a model of a handler: calls of it are recorded, all else is the model's own."""

    def __init__(self, model: Any, names: Sequence[str], recorder: Recorder) -> None:
        self._model, self._names, self._recorder = model, names, recorder

    def __repr__(self) -> str:
        return f"<RecordingModel before {type(self._model).__name__}>"

    def __getattr__(self, name: str) -> Any:
        return getattr(self._model, name)

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        """Call the module."""
        return self._recorder.call_model(self._model, self._names, args, kwargs)

    def forward(self, *args: Any, **kwargs: Any) -> Any:
        """Call the module, by another name."""
        return self._recorder.call_model(self._model.forward, self._names, args, kwargs)

    def run(self, outputs: Any, feed: Any, *options: Any) -> Any:
        """Run the session."""
        return self._recorder.run_session(self._model, outputs, feed, *options)


def gradient_mode() -> str:
    """The context manager of torch that would make the gradient mode in force."""
    import torch

    if torch.is_inference_mode_enabled():
        return "inference_mode"
    return "enable_grad" if torch.is_grad_enabled() else "no_grad"


def flatten(output: Any) -> tuple[str, list[Any]]:
    """The structure of a module's result ("tensor", "tuple:2", "dict:logits,hidden") and its arrays.

    Raises UnsupportedModel for anything else.
    """
    if hasattr(output, "detach"):
        return "tensor", [_array(output)]
    if isinstance(output, list | tuple) and all(hasattr(each, "detach") for each in output):
        return f"{'list' if isinstance(output, list) else 'tuple'}:{len(output)}", [_array(each) for each in output]
    if isinstance(output, Mapping) and all(hasattr(each, "detach") for each in output.values()):
        return f"dict:{','.join(map(str, output))}", [_array(each) for each in output.values()]
    raise UnsupportedModel(f"the model returns a {type(output).__name__} that holds more than tensors")


def _names(names: Sequence[str], count: int) -> list[str]:
    return [names[place] if place < len(names) else f"input_{place}" for place in range(count)]


def _array(tensor: Any) -> Any:
    tensor = tensor.detach().cpu()
    return (tensor.float() if str(tensor.dtype) == "torch.bfloat16" else tensor).numpy()


def _like(tensor: Any, array: Any) -> Any:
    import torch

    return torch.from_numpy(np.ascontiguousarray(array)).to(tensor)
