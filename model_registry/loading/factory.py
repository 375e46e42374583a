"""Makes model versions: an archive, the configuration in force and the host's devices become something that serves."""

import logging
from collections.abc import Callable, Sequence
from contextlib import nullcontext
from dataclasses import replace
from functools import partial
from itertools import count

from handler.batching.lock_contention import LockContention
from handler.devices.cpu_budget import cores_for_worker, cpu_budget, fixed_cores
from handler.devices.device import Device, assign_device
from handler.metrics.printed_metrics import divert_metrics
from handler.metrics.server_metrics import Metrics
from handler.tensors.archives.declaration import OF_MODEL
from handler.workers.spec import ServiceSpec, WorkerSpec
from model_registry.archive.archive import Archive
from model_registry.archive.implicit.manifest import is_bare_onnx
from model_registry.archive.model_yaml import load_model_config, readable_model_config
from model_registry.archive.store import ModelStore
from model_registry.archive.temporary_model_file import TemporaryModelFile
from model_registry.config import ModelConfig
from model_registry.loading.gpu_memory_guard import check_gpu_memory
from model_registry.loading.isolation import isolated
from model_registry.registration import Registration
from model_registry.sequence_routing import SequenceRouter
from model_registry.server_defaults import ServerDefaults
from model_registry.version import ModelVersion

LOG = logging.getLogger("marserve.loading")


class ModelFactory:
    """Opens archives and makes model versions of them.

    `write_line` takes each line ("W-9000-ver_1.0", "stdout" or "stderr", text) that a handler writes.
    """

    def __init__(
        self, store: ModelStore, defaults: ServerDefaults, devices: Sequence[Device], metrics: Metrics,
        write_line: Callable[[str, str, str], None],
    ) -> None:  # fmt: skip
        self._store = store
        self._defaults = defaults
        self._devices = devices
        self._metrics = metrics
        self._write_line = write_line
        self._worker_ids = count(defaults.first_worker_id)

    def open(self, registration: Registration) -> tuple[Archive, ModelConfig]:
        """Fetch, unpack and configure the archive; blocks. Raises the errors of ModelStore.open and `configure`."""
        return self.configure(self._store.open(registration.url), registration)

    def configure(self, archive: Archive, registration: Registration) -> tuple[Archive, ModelConfig]:
        """Merge the manifest and the configuration of an archive, which is removed if that fails; blocks.

        Raises InvalidRuntime, InvalidModel, InvalidName, InsufficientMemory and TooManyWorkers.
        """
        try:
            return self._configure(archive, registration)
        except Exception:
            replace(archive, downloaded=None).remove()  # a download stays in the store, as in TorchServe
            raise

    def make(self, archive: Archive, config: ModelConfig) -> ModelVersion:
        """A version without workers."""
        name = str(archive.manifest.model_name)
        service = self.service_spec(archive, config)
        metrics = self._metrics.add_version(name, archive.manifest.version)
        router = SequenceRouter(config, self._defaults.sequence_headers) if config.stateful else None
        watch = self._defaults.loop_watch
        return ModelVersion(
            archive, config, partial(self._worker_spec, service), metrics, router, watch=watch,
            contention=self._contention(name, config),
        )  # fmt: skip

    def service_spec(self, archive: Archive, config: ModelConfig) -> ServiceSpec:
        """The specification of the services of its workers."""
        defaults, manifest = self._defaults, archive.manifest
        return ServiceSpec(
            model_name=str(manifest.model_name),
            folder=archive.folder,
            manifest=manifest.raw,
            handler=manifest.handler or defaults.default_handler or "",
            batch_size=max(1, config.batch_size),
            continuous=config.continuous_batching,
            asynchronous=config.async_communication,
            takes_tensors=config.tensors is not None,
            files=nullcontext() if defaults.keep_serialized_files else TemporaryModelFile.of(archive),
            config=partial(load_model_config, archive),
            envelope=defaults.envelope,
            decode=defaults.decode,
            limit_max_image_pixels=defaults.limit_max_image_pixels,
            allow_pickles=defaults.allow_pickles,
            max_response_size=defaults.max_response_size,
            metric_sink=self._metrics.emit,
            declared_metrics=self._metrics.declared,
            packages=archive.packages,
            environment=defaults.environment,
        )

    def installs(self, archive: Archive) -> bool:
        """Whether the archive requires packages that are to be installed."""
        return self._defaults.install_packages and archive.manifest.requirements_file is not None

    def new_worker_id(self) -> int:
        """The number of the next worker of any model."""
        return next(self._worker_ids)

    def _configure(self, archive: Archive, registration: Registration) -> tuple[Archive, ModelConfig]:
        manifest = archive.manifest.registered(
            registration.model_name, registration.handler, registration.runtime, registration.fallback_name or ""
        )
        manifest = replace(manifest, version=manifest.version + registration.version_suffix)
        url = "" if registration.role == "function" else archive.url  # as in TorchServe: it belongs to no archive
        archive = replace(archive, manifest=manifest, url=url)
        self._defaults.memory_guard.check(archive)
        setting = self._defaults.models.get(str(manifest.model_name), {}).get(manifest.version, {})
        yaml = readable_model_config(archive)
        config = ModelConfig.merge(registration, yaml, setting, self._defaults)
        if self._defaults.available_gpu_memory is not None:
            check_gpu_memory(archive, config, yaml, self._devices, self._defaults.available_gpu_memory)
        if self._defaults.envelope:
            config = replace(config, tensors=None)  # an envelope reads requests of tensors by itself, from their JSON
        elif is_bare_onnx(archive.folder, manifest.serialized_file):
            config = replace(config, tensors=OF_MODEL)
        return archive, isolated(archive, config)

    def _contention(self, name: str, config: ModelConfig) -> LockContention | None:
        """Finds out whether its workers wait for the interpreter's lock; None where they stay threads all the same."""
        cores = int(cpu_budget())
        is_movable = config.isolation == "auto" and not config.in_process and not config.outlasts_its_batches
        if not config.lock_detection or not is_movable or cores < 2:
            return None
        processes = max(config.max_workers, cores if config.workers_are_default else 1)
        return LockContention(self._defaults.lock_probe, partial(self._has_space_for, name, processes))

    def _has_space_for(self, name: str, processes: int) -> bool:
        has_space = self._defaults.memory_guard.has_space_for(processes)
        if not has_space:
            reason = "its code keeps the interpreter's lock, and memory is short"
            LOG.warning("Model %s: %s: its workers stay threads.", name, reason)
        return has_space

    def _worker_spec(self, service: ServiceSpec, version: ModelVersion, index: int) -> WorkerSpec:
        """The specification of a worker that starts now: scaling and isolation may have changed the configuration."""
        config, number = version.config, self.new_worker_id()
        label = f"W-{number}-{version.name}_{version.version}"
        cores = fixed_cores(config.threads) if config.threads else cores_for_worker(config.max_workers)
        return WorkerSpec(
            service=service,
            index=index,
            number=number,
            label=label,
            device=assign_device(index, self._devices, config.device_ids, config.device_type),
            cores=cores if config.thread_tuning else fixed_cores(cores.share),
            write_line=divert_metrics(partial(self._write_line, label), self._metrics.emit),
            in_process=config.in_process,
            ranks=config.ranks,
            group_gpus=self._group_gpus(config, index),
            policy=version.isolation if config.isolation == "auto" else None,
        )

    def _group_gpus(self, config: ModelConfig, index: int) -> tuple[int, ...]:
        """The GPUs of a worker whose ranks have one each; those of further workers follow, and then come again."""
        found = tuple(device.index or 0 for device in self._devices if device.kind == "cuda")
        gpus = () if config.device_type == "cpu" else config.device_ids or found
        start = index * config.ranks
        return tuple(gpus[(start + rank) % len(gpus)] for rank in range(config.ranks)) if gpus else ()
