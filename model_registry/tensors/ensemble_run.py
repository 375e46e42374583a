"""One request to an ensemble: its steps run as soon as their inputs are there; tensors are passed on, not copied."""

from collections.abc import Callable, Collection, Mapping, Sequence
from typing import NamedTuple, Protocol

from handler.tensors.errors import TensorError, invalid
from handler.tensors.requests import TensorRequest, TensorResponse
from handler.tensors.spec import OnResponse
from handler.tensors.tensor import Tensor
from model_registry.tensors.tensor_reply import PendingResponses

DEADLOCK = "unexpected deadlock, at least one output is not set while no more ensemble steps can be made"


class Step(NamedTuple):
    """One step: a model, and the ensemble's tensors by the model's own names for them."""

    model: str
    version: int
    """-1 stands for the newest."""
    inputs: Mapping[str, str]
    outputs: Mapping[str, str]


class StepModel(Protocol):
    """A model as an ensemble uses it."""

    def submit_tensors(self, request: TensorRequest, on_response: OnResponse) -> PendingResponses:
        """Accept a request; raises TensorError."""


FindModel = Callable[[str, int], StepModel]


class EnsemblePlan(NamedTuple):
    """The steps of an ensemble."""

    name: str
    steps: Sequence[Step]
    find: FindModel
    """Returns the version of a model; raises TensorError."""

    def steps_for(self, outputs: Collection[str]) -> list[Step]:
        """The steps that lead to some of the outputs."""
        wanted, chosen = set(outputs), list[Step]()
        while found := [
            step for step in self.steps if step not in chosen and wanted.intersection(step.outputs.values())
        ]:
            chosen += found
            wanted.update(tensor for step in found for tensor in step.inputs.values())
        return chosen

    def readers(self, tensor: str) -> int:
        """The number of steps that read a tensor."""
        return sum(list(step.inputs.values()).count(tensor) for step in self.steps)


class EnsembleRun:
    """Runs the steps of one request. A response of a decoupled step starts a branch of its own, with all that follows.

    `on_end` is called with the error, or None, when nothing is under way any more.
    """

    def __init__(
        self, plan: EnsemblePlan, request: TensorRequest, on_response: OnResponse,
        on_end: Callable[[TensorError | None], object],
    ) -> None:  # fmt: skip
        self._plan = plan
        self._request = request
        self._on_response = on_response
        self._on_end = on_end
        self._steps = plan.steps_for(request.outputs)
        self._pending: list[PendingResponses] = []
        self._under_way = 0
        self._branches = 0
        self._is_over = False

    def __repr__(self) -> str:
        return f"<EnsembleRun of {self._plan.name}, {self._under_way} steps under way>"

    def start(self) -> None:
        """Run the steps that need nothing but the request."""
        tensors = {tensor.name: self.shared(tensor) for tensor in self._request.inputs}
        self._branches = 1
        _Branch(self, tensors, self._steps).advance()

    def cancel(self) -> None:
        """The client has disconnected: so have the steps'."""
        if not self._is_over:
            pending, self._pending = self._pending, []
            self._finish(None)
            for each in pending:
                each.cancel()

    def abandon(self) -> None:
        """The client has disconnected; steps that have begun do not notice."""
        if not self._is_over:
            self._is_over = True
            pending, self._pending = self._pending, []
            for each in pending:
                each.abandon()
            self._on_end(None)

    def ask(self, branch: "_Branch", step: Step, tensors: Mapping[str, Tensor]) -> None:
        """Run a step of a branch."""
        if self._is_over:
            return
        asked = self._request
        inputs = [tensors[name].renamed(own) for own, name in step.inputs.items() if name in tensors]
        request = asked._replace(inputs=inputs, outputs=tuple(step.outputs), rows=1, group=None)
        self._under_way += 1
        try:
            model = self._plan.find(step.model, step.version)
            pending = model.submit_tensors(
                request, lambda response, is_final: self._on_step(branch, step, response, is_final)
            )
        except TensorError as error:
            self._under_way -= 1
            self._fail(error)
            return
        self._pending.append(pending)

    def end_branch(self, response: TensorResponse | None) -> None:
        """A branch has come to its end: with a response, or with tensors that are missing."""
        if response is None:
            self._fail(invalid(DEADLOCK, self._request.id))
            return
        self._branches -= 1
        is_final = not self._branches and not self._under_way
        if is_final:
            self._finish(None)
        self._on_response(response, is_final)

    def _on_step(self, branch: "_Branch", step: Step, response: TensorResponse, is_final: bool) -> None:
        self._under_way -= is_final
        if self._is_over:
            return
        if response.error is not None:
            self._fail(response.error)
        elif not is_final:
            self._branches += 1
            branch.split().receive(step, response.outputs)
        elif response.is_empty:
            self._end_step(branch)
        else:
            branch.receive(step, response.outputs)

    def _end_step(self, branch: "_Branch") -> None:
        """A decoupled step gives no more: its branch goes on in those that its responses started."""
        branch.drop()
        self._branches -= 1
        if not self._branches and not self._under_way and not self._is_over:
            self._finish(None)
            self._on_response(TensorResponse(is_empty=True), True)

    def _fail(self, error: TensorError) -> None:
        if self._is_over:
            return
        own = TensorError(f"in ensemble '{self._plan.name}', {error.message}", error.code, is_late=True)
        self._finish(own)
        self._on_response(TensorResponse(error=own), True)

    def _finish(self, error: TensorError | None) -> None:
        """Come to an end; steps that are under way come to theirs by themselves, as Triton's do."""
        self._is_over = True
        self._pending = []
        self._on_end(error)

    def shared(self, tensor: Tensor) -> Tensor:
        """The tensor; one that several steps read cannot be written to by any."""
        return tensor.read_only() if self._plan.readers(tensor.name) > 1 else tensor

    @property
    def request(self) -> TensorRequest:
        """The request to the ensemble."""
        return self._request


class _Branch:
    """The tensors that are there, and the steps that wait for others."""

    def __init__(self, run: EnsembleRun, tensors: dict[str, Tensor], waiting: Sequence[Step], running: int = 0) -> None:
        self._run = run
        self._tensors = tensors
        self._waiting = list(waiting)
        self._running = running
        self._children: list[_Branch] = []
        self._is_dropped = False

    def advance(self) -> None:
        """Run the steps whose inputs are there; at the end, answer."""
        ready = [step for step in self._waiting if self._tensors.keys() >= set(step.inputs.values())]
        self._waiting = [step for step in self._waiting if step not in ready]
        self._running += len(ready)
        for step in ready:
            self._run.ask(self, step, self._tensors)
        if not self._running and not ready and not self._is_dropped:
            self._run.end_branch(None if self._waiting else self._response())

    def receive(self, step: Step, tensors: Sequence[Tensor]) -> None:
        """Take the outputs of a step, also for the branches that started while it was under way."""
        for child in self._children:
            child.receive(step, tensors)
        self._running -= 1
        for tensor in tensors:
            if tensor.name in step.outputs:
                name = step.outputs[tensor.name]
                self._tensors[name] = self._run.shared(tensor.renamed(name))
        self.advance()

    def split(self) -> "_Branch":
        """The branch of one response of a decoupled step; what comes here later goes there, too."""
        child = _Branch(self._run, dict(self._tensors), self._waiting, self._running)
        self._children.append(child)
        return child

    def drop(self) -> None:
        """Answer nothing: the branches that started from this one do."""
        self._is_dropped = True

    def _response(self) -> TensorResponse:
        outputs = [self._tensors[name] for name in self._run.request.outputs if name in self._tensors]
        return TensorResponse(outputs)
