"""Python models: `TritonPythonModel` of a file, with the module `triton_python_backend_utils` to talk to the server."""

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, suppress
from inspect import iscoroutine
from time import perf_counter_ns
from typing import Any, Protocol

import triton_python_backend_utils as pb_utils
from triton_python_backend_utils.calls import LoopThread

from handler.job import Deliver, Job
from handler.tensors.backends.python_errors import text_of
from handler.tensors.backends.python_requests import RequestOrigin, to_request, to_response
from handler.tensors.backends.python_server import ModelSide
from handler.tensors.errors import Code, TensorError
from handler.tensors.requests import DEFERRED, TensorOutcome
from handler.tensors.spec import Instance, TensorServiceSpec
from handler.tensors.statistics import ComputeTimes

ENTRY = "TritonPythonModel"


class Environment(Protocol):
    """The surroundings of a model's code, as far as they are needed here."""

    @property
    def namespace(self) -> Any:
        """The model's modules, which `load` imports by their plain names."""

    def loading(self) -> AbstractContextManager[None]:
        """Surround the import and initialization of the model."""

    def write_line(self, stream: str, line: str) -> None:
        """Write a line to the worker's log."""


class PythonModel:
    """One instance of the model's class, called by one thread only."""

    def __init__(self, model: Any, spec: TensorServiceSpec, instance: Instance, side: ModelSide) -> None:
        self._model = model
        self._side = side
        self._spec = spec
        self._name = instance.name
        self._loop: LoopThread | None = None

    def __repr__(self) -> str:
        return f"<PythonModel {self._name}>"

    @classmethod
    def load(
        cls, spec: TensorServiceSpec, environment: Environment, instance: Instance, on_import: Callable[[], object]
    ) -> "PythonModel":
        """Import and initialize the model; raises TensorError."""
        side = ModelSide(spec, environment.write_line)
        side.enter()
        with environment.loading():
            try:
                model = entry_of(spec, environment)()
                on_import()
                initialize = getattr(model, "initialize", None)
                if initialize is not None:
                    initialize(_arguments(spec, instance))
            except TensorError:
                raise
            except Exception as error:
                raise TensorError(text_of(error), Code.INTERNAL) from error
        return cls(model, spec, instance, side)

    def execute(self, jobs: Sequence[Job], deliver: Deliver) -> tuple[list[TensorOutcome], ComputeTimes]:
        """The response to each job, and the times; `DEFERRED` where a sender delivers the responses, now or later.

        Raises TensorError where the whole batch failed.
        """
        started = perf_counter_ns()
        self._side.enter()
        origins = [RequestOrigin(job, deliver, is_single=not self._spec.is_decoupled) for job in jobs]
        requests = [to_request(job.input, origin) for job, origin in zip(jobs, origins, strict=True)]
        prepared = perf_counter_ns()
        try:
            result = self._call(requests)
            executed = perf_counter_ns()
            outcomes = self._outcomes(result, origins)
        except TensorError as error:
            self._forget(origins)
            raise self._failure(error.message) from error
        except Exception as error:
            self._forget(origins)
            raise self._failure(text_of(error)) from error
        return outcomes, ComputeTimes(prepared - started, executed - prepared, perf_counter_ns() - executed)

    def close(self) -> None:
        """Finalize the model; its errors change nothing any more."""
        finalize = getattr(self._model, "finalize", None)
        with suppress(Exception):
            if finalize is not None:
                finalize()
        if self._loop is not None:
            self._loop.close()
        self._model = None

    def _call(self, requests: list[Any]) -> Any:
        execute = getattr(self._model, "execute", None)
        if execute is None:
            path = self._spec.folder / self._spec.file
            raise TensorError(f"Python model {path} does not implement `execute` method.", Code.INTERNAL)
        result = execute(requests)
        if not iscoroutine(result):
            return result
        if self._loop is None:
            self._loop = LoopThread()
        future = self._loop.submit(result)
        return None if self._spec.is_decoupled else future.result()

    def _outcomes(self, result: Any, origins: Sequence[RequestOrigin]) -> list[TensorOutcome]:
        if self._spec.is_decoupled or result is None:
            return self._check_senders(result, origins)
        return [
            to_response(response) if origin.is_open and response is not None else DEFERRED
            for response, origin in zip(self._checked(result, len(origins)), origins, strict=True)
        ]

    def _check_senders(self, result: Any, origins: Sequence[RequestOrigin]) -> list[TensorOutcome]:
        if result is not None:
            raise TensorError(
                f"Python model '{self._name}' is using the decoupled mode and the execute function must return None.",
                Code.INTERNAL,
            )
        if self._spec.is_decoupled:
            return [DEFERRED] * len(origins)
        lost = self._failure("execute returned None for a request whose response sender it did not use")
        return [DEFERRED if origin.is_used else lost for origin in origins]

    def _checked(self, result: Any, count: int) -> list[Any]:
        if not isinstance(result, list):
            raise TensorError(f"Expected a list in the execute return, found type '{type(result)}'.", Code.INTERNAL)
        if len(result) != count:
            raise TensorError(
                "Number of InferenceResponse objects do not match the number of InferenceRequest objects. "
                f"InferenceRequest(s) size is:{count}, and InferenceResponse(s) size is:{len(result)}\n",
                Code.INTERNAL,
            )
        for response in result:
            if response is not None and not isinstance(response, pb_utils.InferenceResponse):
                raise TensorError(
                    "Expected an 'InferenceResponse' object in the execute function return list, found type "
                    f"'{type(response)}'.",
                    Code.INTERNAL,
                )
        return result

    def _failure(self, message: str) -> TensorError:
        text = f"Failed to process the request(s) for model '{self._name}', message: {message}"
        return TensorError(text, Code.INTERNAL, is_late=True)

    def _forget(self, origins: Sequence[RequestOrigin]) -> None:
        """Let the senders of a failed batch send nothing more."""
        for origin in origins:
            origin.is_open = False


def entry_of(spec: TensorServiceSpec, environment: Environment) -> Any:
    """The class of the model's file; raises TensorError, and what its import raises."""
    path = spec.folder / spec.file
    if not path.is_file():
        raise TensorError(f"Python model file not found in '{path}'", Code.INTERNAL)
    module = environment.namespace.load(path.stem)
    entry = getattr(module, ENTRY, None)
    if entry is None:
        raise TensorError(f"AttributeError: module '{path.stem}' has no attribute '{ENTRY}'", Code.INTERNAL)
    return entry


def _arguments(spec: TensorServiceSpec, instance: Instance) -> dict[str, str]:
    return {
        "model_config": spec.config,
        "model_instance_kind": instance.kind,
        "model_instance_name": instance.name,
        "model_instance_device_id": instance.device_id,
        "model_repository": str(spec.packages),
        "model_version": spec.version,
        "model_name": spec.model_name,
    }
