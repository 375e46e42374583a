"""A loaded instance of a tensor model: a batch of jobs in, one outcome for each out, and all of it counted."""

from collections.abc import Callable, Sequence
from time import monotonic, perf_counter_ns
from typing import Any, Protocol, cast

from handler.devices.device import Device
from handler.job import Job
from handler.tensors.backends.onnx_model import OnnxModel
from handler.tensors.backends.python_model import Environment, PythonModel
from handler.tensors.backends.python_requests import Deliver
from handler.tensors.backends.torchscript_model import TorchScriptModel
from handler.tensors.batching import BatchArrays
from handler.tensors.errors import Code, TensorError
from handler.tensors.requests import TensorRequest, TensorResponse
from handler.tensors.spec import Instance, TensorServiceSpec
from handler.tensors.statistics import ComputeTimes, Failure, RequestTimes
from handler.tensors.tensor import Array

NANOSECONDS = 1_000_000_000
TensorOutcome = TensorResponse | TensorError | None
"""None for a job whose responses come by another way, now or later."""


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
        taken_at = monotonic()
        try:
            outcomes, times = self._execute(jobs, deliver)
        except TensorError as error:
            waited = sum(taken_at - job.arrived_at for job in jobs)
            self._spec.statistics.count_failures(len(jobs), int(waited * NANOSECONDS), Failure.BACKEND)
            return [error] * len(jobs)
        self._count(jobs, taken_at, times)
        return outcomes

    def warm_up(self) -> None:
        """Serve the requests of the configuration's `model_warmup`; raises TensorError."""
        for request in self._spec.warm_up:
            for outcome in self.predict([_job_of(request)], _drop):
                error = outcome.error if isinstance(outcome, TensorResponse) else outcome
                if error is not None:
                    raise TensorError(f"failed to run warm-up request '{request.id}': {error.message}", error.code)

    def close(self) -> None:
        """Forget the model."""
        raise NotImplementedError

    def _execute(self, jobs: Sequence[Job], deliver: Deliver) -> tuple[list[TensorOutcome], ComputeTimes]:
        raise NotImplementedError

    def _count(self, jobs: Sequence[Job], taken_at: float, times: ComputeTimes) -> None:
        now = monotonic()
        requests = [
            RequestTimes(int((taken_at - job.arrived_at) * NANOSECONDS), int((now - job.arrived_at) * NANOSECONDS))
            for job in jobs
        ]
        rows = sum(request.rows for request in _requests_of(jobs))
        self._spec.statistics.count_execution(requests, rows, times)


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
        requests = _requests_of(jobs)
        started = perf_counter_ns()
        inputs = self._arrays.join(requests)
        joined = perf_counter_ns()
        arrays = self._model.compute(inputs, self._arrays.outputs_of(requests))
        computed = perf_counter_ns()
        outcomes: list[TensorOutcome] = [*self._arrays.part(requests, arrays)]
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


def _requests_of(jobs: Sequence[Job]) -> list[TensorRequest]:
    return [cast("TensorRequest", job.input) for job in jobs]


def _job_of(request: Any) -> Job:
    return Job(request, "warm-up")


def _drop(outcomes: Any) -> None:
    """Take outcomes that nobody waits for."""
