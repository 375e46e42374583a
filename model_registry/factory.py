"""Makes model versions: an archive, the configuration in force and the host's devices become something that serves."""

import copy
from collections.abc import Callable, Mapping, Sequence
from contextlib import nullcontext
from dataclasses import dataclass, field, replace
from functools import partial
from itertools import count
from typing import Any

from handler.devices.cpu_budget import cores_of_worker, fixed_cores
from handler.devices.device import Device, assign_device
from handler.isolation.process.environ import Environment
from handler.metrics.printed_metrics import divert_metrics
from handler.metrics.server_metrics import Metrics
from handler.workers.pool import Placement
from handler.workers.process.process_service import ProcessService
from handler.workers.service import Seat, ServiceSpec
from handler.workers.thread_service import ThreadService
from handler.workers.worker import Post, WorkerService
from model_registry.archive.archive import Archive
from model_registry.archive.store import ModelStore
from model_registry.archive.temporary_model_file import TemporaryModelFile
from model_registry.config import Defaults, ModelConfig, RequestConfig, load_model_config, readable_model_config
from model_registry.memory_guard import MemoryGuard
from model_registry.model import Role
from model_registry.sequence_routing import SequenceHeaders
from model_registry.version import ModelVersion, VersionSpec

MakeService = Callable[[Seat, ServiceSpec, Callable[[int], None]], WorkerService]


@dataclass(frozen=True, slots=True)
class Registration:
    """A request to serve an archive; what is None is taken from the archive and the configuration."""

    url: str
    model_name: str | None = None
    handler: str | None = None
    runtime: str | None = None
    config: RequestConfig = field(default_factory=RequestConfig)
    wait: bool = True
    """Whether to return only when the workers have loaded."""
    fallback_name: str | None = None
    """The name of a model that neither the request nor its manifest names."""
    state: Mapping[str, Any] | None = None
    """What a snapshot says of the version, and what counts then."""
    role: Role = "model"
    version_suffix: str = ""
    """Appended to the manifest's version, so that an archive can be loaded beside what it was before."""


@dataclass(frozen=True, slots=True)
class ServerDefaults:
    """What the server's configuration says about every model."""

    defaults: Defaults
    settings: dict[str, dict[str, dict[str, Any]]]
    """The `models` setting: name -> version -> its configuration."""
    envelope: str | None = None
    default_handler: str | None = None
    decode: bool = True
    limit_max_image_pixels: bool = True
    allow_pickles: bool = True
    max_response_size: int = 6553500
    first_worker_id: int = 9000
    sequence_headers: SequenceHeaders = field(default_factory=SequenceHeaders)
    environment: Environment = field(default_factory=Environment)
    install_packages: bool = False
    memory_guard: MemoryGuard = field(default_factory=lambda: MemoryGuard(None))
    keep_serialized_files: bool = True


class ModelFactory:
    """Opens archives and builds model versions from them."""

    def __init__(
        self, store: ModelStore, rules: ServerDefaults, devices: Sequence[Device], metrics: Metrics,
        say: Callable[[str, str, str], None],
    ) -> None:  # fmt: skip
        self._store = store
        self._rules = rules
        self._devices = devices
        self._metrics = metrics
        self._say = say
        self._ids = count(rules.first_worker_id)

    def open(self, registration: Registration) -> Archive:
        """Fetch and unpack the archive; blocking. Raises the errors of ModelStore.open."""
        return self._store.open(registration.url)

    def make(self, archive: Archive, registration: Registration) -> ModelVersion:
        """A version with no workers yet; raises InvalidRuntime, InvalidModel or InsufficientMemory."""
        rules = self._rules
        manifest = archive.manifest.registered(
            registration.model_name, registration.handler, registration.runtime, registration.fallback_name or ""
        )
        manifest = replace(manifest, version=manifest.version + registration.version_suffix)
        url = "" if registration.role == "function" else archive.url  # as TorchServe does: it belongs to no archive
        archive, name = replace(archive, manifest=manifest, url=url), str(manifest.model_name)
        rules.memory_guard.check(archive)
        config = self._config(archive, registration, rules.settings.get(name, {}).get(manifest.version, {}))
        blueprint = ServiceSpec(
            model_name=name,
            folder=archive.folder,
            manifest=lambda: copy.deepcopy(manifest.raw),
            handler=manifest.handler or rules.default_handler or "",
            batch_size=max(1, config.batch_size),
            continuous=config.continuous_batching,
            files=nullcontext() if rules.keep_serialized_files else TemporaryModelFile.of(archive),
            config=lambda: load_model_config(archive),
            envelope=rules.envelope,
            decode=rules.decode,
            limit_max_image_pixels=rules.limit_max_image_pixels,
            allow_pickles=rules.allow_pickles,
            max_response_size=rules.max_response_size,
            metric_sink=self._metrics.emit,
            declared_metrics=self._metrics.declared,
            packages=archive.packages,
            environment=rules.environment,
        )
        parts = VersionSpec(
            archive, blueprint, config, self._place, self._metrics.add_version(name, manifest.version),
            rules.sequence_headers,
        )  # fmt: skip
        return ModelVersion(name, manifest.version, parts)

    def installs(self, archive: Archive) -> bool:
        """Whether the archive requires packages that are to be installed."""
        return self._rules.install_packages and archive.manifest.requirements_file is not None

    def _config(self, archive: Archive, registration: Registration, setting: Mapping[str, Any]) -> ModelConfig:
        yaml, defaults = readable_model_config(archive), self._rules.defaults
        if registration.state is not None:
            return ModelConfig.restore(registration.state, yaml, defaults)
        return ModelConfig.merge(registration.config, yaml, setting, defaults)

    def _place(self, version: ModelVersion) -> Placement:
        config = version.config

        def post(number: int, device: Device) -> Post:
            service: MakeService = ProcessService if version.config.isolation == "process" else ThreadService
            label = f"W-{number}-{version.name}_{version.version}"
            say = divert_metrics(partial(self._say, label), self._metrics.emit)
            cores = fixed_cores(config.threads) if config.threads else cores_of_worker(max(1, config.max_workers))
            seat = Seat(label, device, cores, say)
            return Post(
                number=number,
                label=label,
                device=device,
                service=partial(service, seat),
                say=say,
                deliver=version.receive,
                ended=version.on_worker_end,
            )

        return Placement(
            assign_device=lambda index: assign_device(index, self._devices, config.device_ids, config.device_type),
            number=lambda: next(self._ids),
            post=post,
        )
