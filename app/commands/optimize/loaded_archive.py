"""One archive, loaded in this process without a server: its handler answers samples, and its model is at hand."""

import asyncio
import inspect
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import Executor, ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from app.commands.check.runner import HandlerOutput, WriteLine, collected_warnings, make_registration, make_settings
from app.commands.optimize.recording import Answer, Recorder, Recording, RecordingModel, UnsupportedModel
from app.commands.sample_requests import Sample
from app.commands.smoke_test import make_input
from app.errors import describe_error
from app.model_server import ModelServer
from app.settings.model import Settings
from handler.batching.thread_governor import ThreadGovernor
from handler.devices import onnx_sessions
from handler.devices.cpu_budget import cores_for_worker
from handler.devices.device import Device, assign_device
from handler.errors import HandlerError
from handler.isolation.worker_environment import WorkerEnvironment
from handler.job import Job, Outcome, Output
from handler.workers.batch_context import BatchContext
from handler.workers.loader import EntryPoint, load_entry_point
from handler.workers.service import Service
from handler.workers.spec import ServiceSpec
from model_registry.archive.archive import Archive

RECORDED_ROWS = (1, 2, 3)
"""Batches of so many requests show which sizes of the model's inputs follow the batch."""
MAX_ROWS = 16
"""The most requests of a batch of neighbours."""
MIN_BATCHES = 3
ERROR_STATUS = 400
MAX_DEPTH = 3
"""Models are looked for in attributes of attributes of the handler, so deep."""
ModelPath = tuple[str, ...]


@dataclass(frozen=True, slots=True)
class LiveModel:
    """A model in the memory of its handler: the attributes that lead to it, and its kind."""

    path: ModelPath
    owner: Any
    value: Any

    @property
    def kind(self) -> str:
        """The form of the model: "TorchScript", "module", "ONNX" or "compiled"."""
        if hasattr(self.value, "get_providers"):
            return "ONNX"
        names = {each.__name__ for each in type(self.value).__mro__}
        if "ScriptModule" in names:
            return "TorchScript"
        return "module" if "Module" in names and "OptimizedModule" not in names else "compiled"

    @property
    def parameter_names(self) -> list[str]:
        """The names of the parameters of its function, as far as they are known."""
        if self.kind == "ONNX":
            return [each.name for each in self.value.get_inputs()]
        schema = getattr(getattr(self.value, "forward", None), "schema", None)
        if schema is not None:
            return [each.name for each in schema.arguments[1:]]
        forward = getattr(getattr(self.value, "_orig_mod", self.value), "forward", self.value)
        kinds = (inspect.Parameter.VAR_POSITIONAL, inspect.Parameter.VAR_KEYWORD)
        return [each.name for each in inspect.signature(forward).parameters.values() if each.kind not in kinds]


class LoadedArchive:
    """A handler with its context, on a thread of its own: an archive's environment is a thread's."""

    def __init__(
        self, archive: Archive, service: Service, entry_point: EntryPoint, governor: ThreadGovernor, thread: Executor
    ) -> None:
        self.archive = archive
        self.entry_point = entry_point
        self._service, self._governor, self._thread = service, governor, thread
        self._owner = _Globals(entry_point.handle) if entry_point.owner is None else entry_point.owner

    def __repr__(self) -> str:
        return f"<LoadedArchive {self.archive.manifest.model_name}>"

    def predict(self, samples: Sequence[Sample]) -> list[Answer]:
        """The answers to a batch of requests."""
        return self._thread.submit(self._predict, samples).result()

    def models(self) -> list[LiveModel]:
        """The models that the handler holds, by way of attributes."""
        return list(_models(self._owner, (), set()))

    def record(self, samples: Sequence[Sample], neighbours: int) -> Recording:
        """Answer each sample alone, some in batches, and so many neighbours. Raises UnsupportedModel."""
        recorder = Recorder()
        originals = self.models()
        for live in originals:
            _replace(live, RecordingModel(live.value, live.parameter_names, recorder))
        try:
            answers = self._thread.submit(self._record, recorder, samples, neighbours).result()
        finally:
            for live in originals:
                _replace(live, live.value)
        return Recording(
            recorder.calls,
            answers,
            recorder.structure or "tensor",
            recorder.positional,
            recorder.constants,
            recorder.mode,
        )

    def measure(self, samples: Sequence[Sample], rows: int, seconds: float) -> list[tuple[float, float]]:
        """The seconds, and the seconds of processors, of each batch of so many requests; at least three of them."""
        batch = [samples[place % len(samples)] for place in range(rows)]
        return self._thread.submit(self._measure, batch, seconds).result()

    def _predict(self, samples: Sequence[Sample]) -> list[Answer]:
        jobs = [Job(make_input(sample), f"sample-{number}") for number, sample in enumerate(samples)]
        return [_answer(outcome) for outcome in self._service.predict(jobs, lambda outcomes: None)]

    def _record(self, recorder: Recorder, samples: Sequence[Sample], neighbours: int) -> list[Answer]:
        recorder.is_active = True
        answers = [answer for sample in samples for answer in self._predict([sample])]
        failed = next((each for each in answers if each.status >= ERROR_STATUS), None)
        if failed is not None:
            raise UnsupportedModel(f"a sample is answered with {failed.status}: {failed.body[:200].decode()}")
        for rows in RECORDED_ROWS[1:]:
            recorder.rows = rows
            self._predict([samples[place % len(samples)] for place in range(rows)])
        recorder.rows = rows = min(len(samples), MAX_ROWS)
        for number in range(-(-neighbours // rows)):
            recorder.seed = number
            batch = [samples[(number * rows + place) % len(samples)] for place in range(rows)]
            answers += [Answer(each.status, each.body, True) for each in self._predict(batch)]
        return answers

    def _measure(self, batch: Sequence[Sample], seconds: float) -> list[tuple[float, float]]:
        found: list[tuple[float, float]] = []
        end = time.perf_counter() + seconds
        while len(found) < MIN_BATCHES or time.perf_counter() < end:
            self._governor.choose(concurrent=len(batch) > 1)  # as a worker does
            began, used = time.perf_counter(), time.process_time()
            self._predict(batch)
            found.append((time.perf_counter() - began, time.process_time() - used))
            self._governor.record(len(batch), found[-1][0])
        return found


@contextmanager
def load_archive(path: Path, write_line: WriteLine) -> Iterator[LoadedArchive]:
    """Load the archive as a server's first worker would; raises what loading raises."""
    onnx_sessions.install()
    settings = make_settings(path, None)
    with collected_warnings(), asyncio.Runner() as runner, ThreadPoolExecutor(1, "archive") as thread:
        application = runner.run(_make(settings, write_line))
        try:
            archive, config = application.factory.open(make_registration(path, None))
            spec = application.factory.service_spec(archive, config)
            try:
                device = assign_device(0, application.devices, config.device_ids, config.device_type or None)
                yield LoadedArchive(archive, *thread.submit(_load, spec, device, write_line).result(), thread)
            finally:
                archive.remove()
        finally:
            runner.run(application.stop())


def _load(spec: ServiceSpec, device: Device, write_line: WriteLine) -> tuple[Service, EntryPoint, ThreadGovernor]:
    """Load the handler on the calling thread, which has the archive's environment from then on."""
    environment = WorkerEnvironment(
        spec.folder, "optimize", lambda stream, line: write_line(line), packages=spec.packages,
        environment=spec.environment, allow_pickles=spec.allow_pickles,
    )  # fmt: skip
    environment.enter()
    governor = ThreadGovernor(cores_for_worker(1))
    governor.apply_share()
    context = BatchContext.of_worker(spec, device)
    with environment.loading():
        entry_point = load_entry_point(environment.namespace, spec.handler, spec.envelope)
        governor.apply_share()
        entry_point.initialize(context)
    governor.apply_share()
    return Service(entry_point, context, spec, environment), entry_point, governor


async def _make(settings: Settings, write_line: WriteLine) -> ModelServer:
    return ModelServer(settings, HandlerOutput(settings, write_line))


class _Globals:
    """The module of a function, as an owner of attributes; of an adapter's function that of the original."""

    def __init__(self, function: Any) -> None:
        module = function.__globals__
        self.__dict__ = vars(module["ORIGINAL"]) if inspect.ismodule(module.get("ORIGINAL")) else module


def _answer(outcome: Outcome) -> Answer:
    if isinstance(outcome, Output):
        return Answer(outcome.status, outcome.body)
    if isinstance(outcome, HandlerError):
        failure = describe_error(outcome)
        return Answer(failure.status, (failure.message or "").encode())
    raise UnsupportedModel("the handler streams its answers")


def _models(owner: Any, path: ModelPath, seen: set[int]) -> Iterator[LiveModel]:
    for name, value in list(getattr(owner, "__dict__", {}).items()):
        if name.startswith("__") or id(value) in seen:
            continue
        if _is_model(value):
            seen.add(id(value))
            yield LiveModel((*path, name), owner, value)
        elif len(path) < MAX_DEPTH and _is_of_archive(value, owner):
            seen.add(id(value))
            yield from _models(value, (*path, name), seen)


def _is_model(value: Any) -> bool:
    if inspect.isclass(value) or inspect.ismodule(value):
        return False
    names = {each.__name__ for each in type(value).__mro__}
    return bool(names & {"Module", "InferenceSession", "AOTICompiledModel"}) and callable(
        getattr(value, "run", None) if "InferenceSession" in names else value
    )


def _is_of_archive(value: Any, owner: Any) -> bool:
    """Whether an object is one that the archive's own code may have made to hold its model."""
    kind = type(value)
    plain = inspect.isclass(value) or inspect.ismodule(value) or inspect.isroutine(value)
    return not plain and hasattr(value, "__dict__") and kind.__module__.partition(".")[0] not in _LIBRARIES


_LIBRARIES = frozenset({"builtins", "torch", "numpy", "onnxruntime", "logging", "ts", "threading", "typing"})


def _replace(live: LiveModel, value: Any) -> None:
    vars(live.owner)[live.path[-1]] = value
