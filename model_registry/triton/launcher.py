"""Makes versions of models of a repository: their configuration is completed, their workers are started."""

import asyncio
import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from sys import maxsize
from typing import Any

from handler.devices.cpu_budget import cores_for_worker
from handler.devices.device import CPU, Device
from handler.errors import LoadFailed
from handler.metrics.server_metrics import Metrics
from handler.tensors.backends.onnx_model import OnnxDescription
from handler.tensors.backends.python_completion import complete_on_thread
from handler.tensors.errors import Code, TensorError
from handler.tensors.sequence_states import SequenceStates
from handler.tensors.signature import Signature, TensorSpec
from handler.tensors.spec import Instance, ModelCalls, TensorServiceSpec
from handler.tensors.statistics import Statistics
from handler.workers.spec import WorkerSpec
from model_registry.archive.archive import Archive
from model_registry.archive.manifest import Manifest
from model_registry.config import ModelConfig
from model_registry.tasks.loop_watch import LoopWatch
from model_registry.tensors.ensemble_run import EnsemblePlan, FindModel, Step
from model_registry.tensors.ensemble_version import EnsembleVersion
from model_registry.tensors.response_cache import ResponseCache
from model_registry.tensors.tensor_version import TensorModel, TensorVersion
from model_registry.triton.config.backends import ONNX, PYTHON, SERVED
from model_registry.triton.config.checks.sequence_controls import controls_of
from model_registry.triton.config.checks.unsupported import check_supported
from model_registry.triton.config.checks.validation import check_version
from model_registry.triton.config.completion import complete_onnx, complete_python, needs_description
from model_registry.triton.config.config_forms import json_of_config
from model_registry.triton.config.defaults import fill_instance_groups
from model_registry.triton.config.scheduling import scheduler_of, states_of
from model_registry.triton.config.signatures import signature_of
from model_registry.triton.config.warm_up import warm_up_requests
from model_registry.triton.options import LaunchOptions
from model_registry.triton.repository import ModelDefinition

NO_TIMEOUT_SECONDS = 10**9
"""Triton knows no limit for the time of a load or an execution."""


@dataclass(frozen=True, slots=True)
class _Placed:
    """An instance, and its device."""

    instance: Instance
    device: Device


class ModelLauncher:
    """Makes versions whose workers have loaded.

    `find` looks up the models that ensembles ask, `calls` is the server as models see it, `new_worker_id` numbers
    workers, `write_line` takes each line ("W-9000-m_1", "stdout" or "stderr", text) that a model writes, and `cache` is
    for the models that want one.
    """

    def __init__(
        self, options: LaunchOptions, devices: Sequence[Device], metrics: Metrics, *, find: FindModel,
        calls: ModelCalls, new_worker_id: Callable[[], int], write_line: Callable[[str, str, str], None],
        cache: ResponseCache | None = None, watch: LoopWatch | None = None,
    ) -> None:  # fmt: skip
        self._options = options
        self._gpus = [device for device in devices if device.kind == "cuda"]
        self._metrics = metrics
        self._find = find
        self._calls = calls
        self._new_worker_id = new_worker_id
        self._write_line = write_line
        self._cache = cache
        self._watch = watch

    async def launch(self, definition: ModelDefinition, number: int) -> TensorVersion | EnsembleVersion:
        """A version that serves; raises TensorError."""
        config = type(definition.config)()
        config.CopyFrom(definition.config)
        if definition.steps:
            return self._ensemble(definition, config, number)
        if config.backend not in SERVED:
            raise TensorError(
                f"unable to find backend library for backend '{config.backend}', try specifying runtime on the model "
                "configuration."
            )
        check_supported(config)
        await asyncio.to_thread(self._complete, definition, config, number)
        version, count = await asyncio.to_thread(self._prepare, definition, config, number)
        made = version()
        try:
            await made.scale(count, count)
        except LoadFailed as error:
            await made.close(0.0)
            cause = error.__cause__
            raise cause if isinstance(cause, TensorError) else TensorError(str(error), Code.INTERNAL) from error
        return made

    def _ensemble(self, definition: ModelDefinition, config: Any, number: int) -> EnsembleVersion:
        check_version(config, len(self._gpus))
        config.model_transaction_policy.decoupled = any(
            self._find(step.model_name, step.model_version).model.is_decoupled  # type: ignore[attr-defined]
            for step in definition.steps
        )
        steps = [
            Step(step.model_name, step.model_version, dict(step.input_map), dict(step.output_map))
            for step in definition.steps
        ]
        model = self._model(definition, config, number, signature_of(config, definition.folder))
        metrics = self._metrics.add_version(definition.name, str(number))
        plan = EnsemblePlan(definition.name, steps, self._find)
        return EnsembleVersion(model, plan, ModelConfig(loop_pacing=False), metrics)

    def _complete(self, definition: ModelDefinition, config: Any, number: int) -> None:
        if not self._options.completes:
            return
        folder = definition.folder / str(number)
        if config.backend == ONNX.name and needs_description(config):
            path = folder / config.default_model_filename
            if not path.exists():
                raise TensorError(f"unable to find '{path}' for model '{config.name}'", Code.UNAVAILABLE)
            complete_onnx(config, OnnxDescription.of_file(path), self._options.default_max_batch_size)
        elif config.backend == PYTHON.name:
            spec = self._service(definition, config, number, Signature(config.name, 0, (), ()), ())
            label = f"{definition.name}_{number}"
            complete_python(config, complete_on_thread(spec, label, partial(self._write_line, label)))

    def _prepare(
        self, definition: ModelDefinition, config: Any, number: int
    ) -> tuple[Callable[[], TensorVersion], int]:
        """A function that makes the version on the event loop, and the number of its workers."""
        fill_instance_groups(config, len(self._gpus))
        check_version(config, len(self._gpus))
        signature = signature_of(config, definition.folder)
        placed = [each for group in config.instance_group for each in self._placed(config, group)]
        states = states_of(config, definition.folder)
        own = _with_hidden_tensors(config, signature, states)
        service = self._service(definition, config, number, own, [each.instance for each in placed])
        service = replace(
            service,
            states=states,
            warm_up=warm_up_requests(config, definition.folder, signature),
        )
        scheduler = scheduler_of(config, adaptive=self._options.adaptive_batching)
        model = self._model(definition, config, number, signature, service.statistics)

        def make() -> TensorVersion:
            metrics = self._metrics.add_version(definition.name, str(number))
            new_spec = partial(self._worker_spec, service, placed)
            return TensorVersion(
                model, self._registry_config(config), scheduler.batcher, new_spec, metrics,
                sequences=scheduler.sequences, is_ordered=scheduler.is_ordered,
                cache=self._cache if config.response_cache.enable and not model.is_decoupled else None,
                watch=self._watch,
            )  # fmt: skip

        return make, len(placed)

    def _placed(self, config: Any, group: Any) -> list[_Placed]:
        if group.kind != group.KIND_GPU:
            kind = "MODEL" if group.kind == group.KIND_MODEL else "CPU"
            return [_Placed(Instance(f"{group.name}_{index}", kind), CPU) for index in range(group.count)]
        return [
            _Placed(Instance(f"{group.name}_{index}_gpu{gpu}", "GPU", str(gpu)), self._gpus[gpu])
            for gpu in group.gpus
            for index in range(group.count)
        ]

    def _service(
        self, definition: ModelDefinition, config: Any, number: int, signature: Signature, instances: Sequence[Instance]
    ) -> TensorServiceSpec:
        return TensorServiceSpec(
            model_name=definition.name,
            version=str(number),
            backend=config.backend,
            folder=definition.folder / str(number),
            packages=definition.folder,
            file=config.default_model_filename,
            config=json.dumps(json_of_config(config)),
            signature=signature,
            instances=instances,
            statistics=Statistics(),
            calls=self._calls,
            parameters={key: config.parameters[key].string_value for key in config.parameters},
            graph_level=config.optimization.graph.level,
            is_decoupled=config.model_transaction_policy.decoupled,
            environment=self._options.environment,
            allow_pickles=self._options.allow_pickles,
        )

    def _worker_spec(self, service: TensorServiceSpec, placed: Sequence[_Placed], index: int) -> WorkerSpec:
        number = self._new_worker_id()
        label = f"W-{number}-{service.model_name}_{service.version}"
        return WorkerSpec(
            service=service,
            index=index % len(placed),  # more workers may be asked for than the configuration names
            number=number,
            label=label,
            device=placed[index % len(placed)].device,
            cores=cores_for_worker(len(placed)),
            write_line=partial(self._write_line, label),
        )

    def _model(
        self, definition: ModelDefinition, config: Any, number: int, signature: Signature,
        statistics: Statistics | None = None,
    ) -> TensorModel:  # fmt: skip
        manifest = Manifest(model_name=definition.name, version=str(number), runtime=config.backend or config.platform)
        return TensorModel(
            name=definition.name,
            version=str(number),
            config=config,
            signature=signature,
            statistics=statistics or Statistics(),
            is_decoupled=config.model_transaction_policy.decoupled,
            archive=Archive(str(definition.folder), manifest, definition.folder, delete=_keep),
        )

    def _registry_config(self, config: Any) -> ModelConfig:
        delay = config.dynamic_batching.max_queue_delay_microseconds // 1000
        return ModelConfig(
            batch_size=max(1, config.max_batch_size),
            max_batch_delay=delay,
            response_timeout=NO_TIMEOUT_SECONDS,
            startup_timeout=NO_TIMEOUT_SECONDS,
            job_queue_size=maxsize,
            adaptive_batching=self._options.adaptive_batching,
            loop_pacing=self._options.loop_pacing,
        )


def _with_hidden_tensors(config: Any, signature: Signature, hidden: SequenceStates | None) -> Signature:
    """The signature as the model itself has it: with the controls and the state of sequences."""
    if not config.HasField("sequence_batching"):
        return signature
    controls = [TensorSpec(control.name, control.datatype, (1,)) for control in controls_of(config)]
    specs = hidden.specs if hidden is not None else ()
    inputs = [TensorSpec(state.input, state.datatype, state.dims) for state in specs]
    outputs = [TensorSpec(state.output, state.datatype, state.dims) for state in specs]
    return Signature(
        signature.model, signature.max_batch_size, [*signature.inputs.values(), *controls, *inputs],
        [*signature.outputs.values(), *outputs],
    )  # fmt: skip


def _keep(folder: Path) -> None:
    """A repository's folder is its owner's."""
