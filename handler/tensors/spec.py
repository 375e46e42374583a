"""The specification of a service of tensors: all that an instance of a model needs to be loaded, wherever it runs."""

from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple, Protocol

from handler.isolation.process.environ import Environment
from handler.tensors.requests import TensorRequest, TensorResponse
from handler.tensors.sequence_states import SequenceStates
from handler.tensors.signature import Signature
from handler.tensors.statistics import Statistics

OnResponse = Callable[[TensorResponse, bool], None]
"""Takes a response, and whether it is the last one; called from any thread."""


class Instance(NamedTuple):
    """One executor of a model, as Triton's Python models see it."""

    name: str
    """"M_0"."""
    kind: str = "CPU"
    device_id: str = "0"


class ModelCalls(Protocol):
    """The server as models may call it, from any thread. All raise TensorError."""

    def infer(
        self, model: str, version: int, request: TensorRequest, on_response: OnResponse, *, decoupled: bool
    ) -> None:
        """Ask a model; its responses come later, on some thread."""

    def load(self, model: str, config: str, files: Mapping[str, bytes]) -> None:
        """Load a model, and wait until it is there."""

    def unload(self, model: str, *, unload_dependents: bool) -> None:
        """Unload a model."""

    def is_ready(self, model: str, version: str) -> bool:
        """Whether a version, or any if none is named, serves."""


@dataclass(frozen=True, slots=True)
class TensorServiceSpec:
    """All that a worker of a model version needs to load its service; the same for all of them."""

    model_name: str
    version: str
    backend: str
    folder: Path
    """The version's folder, in which a Python model's modules are."""
    packages: Path
    """The model's folder, a further place of modules."""
    file: str
    """The name of the model file in `folder`."""
    config: str
    """The configuration as JSON, for Python models."""
    signature: Signature
    """That of the model itself, with the inputs and outputs that clients do not see."""
    instances: Sequence[Instance]
    statistics: Statistics
    calls: ModelCalls
    parameters: Mapping[str, str] = field(default_factory=dict)
    graph_level: int = 0
    """ONNX Runtime's level of graph optimization, as `optimization.graph.level` says it."""
    is_decoupled: bool = False
    """Whether the model answers a request any number of times."""
    states: SequenceStates | None = None
    """The implicit state of sequences, if the model has any."""
    warm_up: Sequence[TensorRequest] = ()
    """Requests that each instance serves before it counts as loaded."""
    environment: Environment = field(default_factory=Environment)
    allow_pickles: bool = True
    """Whether the model's code may load any object from files while it is loaded itself."""
    files: AbstractContextManager[object] = field(default_factory=nullcontext)
    asynchronous: bool = False
    continuous: bool = False
    max_response_size: int = 0
