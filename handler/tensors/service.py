"""A loaded instance of a tensor model: a batch of jobs in, one outcome for each out, and all of it counted."""

from collections.abc import Callable, Sequence
from time import monotonic, perf_counter_ns
from typing import Any, Protocol

from handler.devices.device import Device
from handler.job import Deliver, Job
from handler.tensors.backends.onnx_model import OnnxModel
from handler.tensors.backends.python_model import Environment, PythonModel
from handler.tensors.backends.torchscript_model import TorchScriptModel
from handler.tensors.batching import BatchArrays
from handler.tensors.errors import Code, TensorError
from handler.tensors.requests import TensorOutcome, TensorRequest, TensorResponse
from handler.tensors.spec import Instance, TensorServiceSpec
from handler.tensors.statistics import ComputeTimes, Failure, RequestTimes
from handler.tensors.tensor import Array

NANOSECONDS = 1_000_000_000


class ArrayModel(Protocol):
    """A model that computes arrays from arrays, for a whole batch at once."""

    def compute(self, inputs: dict[str, Array], outputs: Sequence[str]) -> dict[str, Array]:
        """The outputs of those names; raises TensorError."""

    def close(self) -> None:
        """Forget the model."""


class TensorService:
    """Executes batches, called by one thread only. Kinds differ in how they do it, and in the times that they take."""

    def __init__(self, spec: TensorServiceSpec) -> None:
        self._spec = spec

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {self._spec.model_name} {self._spec.version}>"

    def predict(self, jobs: Sequence[Job], deliver: Deliver) -> list[TensorOutcome]:
        """The outcome of each job; an error of the whole batch is the outcome of each."""
        served = [job for job in jobs if not job.expired]
        outcomes = self._execute_and_count(served, deliver) if served else []
        if len(served) == len(jobs):
            return outcomes
        following = iter(outcomes)
        return [self._refuse() if job.expired else next(following) for job in jobs]

    def warm_up(self) -> None:
        """Serve the requests of the configuration's `model_warmup`; raises TensorError."""
        for request in self._spec.warm_up:
            for outcome in self.predict([Job(request, "warm-up")], _drop):
                error = outcome.error if isinstance(outcome, TensorResponse) else outcome
                if isinstance(error, TensorError):
                    raise TensorError(f"failed to run warm-up request '{request.id}': {error.message}", error.code)

    def close(self) -> None:
        """Forget the model."""
        raise NotImplementedError

    def _execute(self, jobs: Sequence[Job], deliver: Deliver) -> tuple[list[TensorOutcome], ComputeTimes]:
        raise NotImplementedError

    def _execute_and_count(self, jobs: Sequence[Job], deliver: Deliver) -> list[TensorOutcome]:
        statistics, taken_at, started = self._spec.statistics, monotonic(), perf_counter_ns()
        rows = sum(job.input.rows for job in jobs)
        try:
            outcomes, times = self._execute(jobs, deliver)
        except TensorError as error:
            spent = sum(_nanoseconds(monotonic() - job.arrived_at) for job in jobs)
            times = ComputeTimes(infer=perf_counter_ns() - started)
            statistics.count_failed_execution(len(jobs), spent, rows, times)
            return [error] * len(jobs)
        now = monotonic()
        requests = [
            RequestTimes(_nanoseconds(taken_at - job.arrived_at), _nanoseconds(now - job.arrived_at)) for job in jobs
        ]
        statistics.count_execution(requests, rows, times)
        return outcomes

    def _refuse(self) -> TensorError:
        """The error, already counted, for a request that has waited too long."""
        self._spec.statistics.count_refused(Failure.REJECTED)
        return TensorError("Request timeout expired", Code.UNAVAILABLE, is_late=True)


class ArrayService(TensorService):
    """Joins the requests of a batch, computes once, and parts the outputs again."""

    def __init__(self, spec: TensorServiceSpec, model: ArrayModel) -> None:
        super().__init__(spec)
        self._model = model
        self._arrays = BatchArrays(spec.signature)

    def close(self) -> None:
        """Forget the model."""
        self._model.close()

    def _execute(self, jobs: Sequence[Job], deliver: Deliver) -> tuple[list[TensorOutcome], ComputeTimes]:
        requests: list[TensorRequest] = [job.input for job in jobs]
        started, states = perf_counter_ns(), self._spec.states
        if states is not None:
            requests = [states.extended(request) for request in requests]
        inputs = self._arrays.join(requests)
        joined = perf_counter_ns()
        arrays = self._model.compute(inputs, self._arrays.outputs_of(requests))
        computed = perf_counter_ns()
        responses = self._arrays.part(requests, arrays)
        if states is not None:
            responses = [states.keep(job.input, response) for job, response in zip(jobs, responses, strict=True)]
        outcomes: list[TensorOutcome] = [*responses]
        return outcomes, ComputeTimes(joined - started, computed - joined, perf_counter_ns() - computed)


class PythonService(TensorService):
    """Hands the requests of a batch to a Python model, one by one in a list."""

    def __init__(self, spec: TensorServiceSpec, model: PythonModel) -> None:
        super().__init__(spec)
        self._model = model

    def close(self) -> None:
        """Finalize the model."""
        self._model.close()

    def _execute(self, jobs: Sequence[Job], deliver: Deliver) -> tuple[list[TensorOutcome], ComputeTimes]:
        return self._model.execute(jobs, deliver)


def load_service(
    spec: TensorServiceSpec, environment: Environment, device: Device, index: int, on_import: Callable[[], object]
) -> TensorService:
    """Load the instance of that index, and warm it up; raises TensorError."""
    service = _load(spec, environment, device, spec.instances[index], on_import)
    service.warm_up()
    return service


def _load(
    spec: TensorServiceSpec, environment: Environment, device: Device, instance: Instance,
    on_import: Callable[[], object],
) -> TensorService:  # fmt: skip
    path = spec.folder / spec.file
    if spec.backend == "python":
        return PythonService(spec, PythonModel.load(spec, environment, instance, on_import))
    if not path.exists():
        raise TensorError(f"unable to find '{path}' for model '{spec.model_name}'", Code.UNAVAILABLE)
    if spec.backend == "onnxruntime":
        return ArrayService(spec, OnnxModel.load(path, spec.signature, device, spec.parameters, spec.graph_level))
    on_import()
    return ArrayService(spec, TorchScriptModel.load(path, spec.signature, device, spec.parameters))


def _nanoseconds(seconds: float) -> int:
    return int(seconds * NANOSECONDS)


def _drop(outcomes: Any) -> None:
    """Discard outcomes: no client waits for them."""
