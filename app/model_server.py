"""The server behind its addresses: registry, stores, workflows, metrics and logs, made from the settings."""

import asyncio
import logging
import os
import re
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Self

from anyio import to_thread
from starlette.types import Scope

from app.access.authorization import AccessPolicy
from app.access.origin_policy import OriginPolicy
from app.http.limits.admission import Admission
from app.http.limits.connection_limits import connection_limits
from app.http.limits.refusal_log import RefusalLog
from app.initial_models.startup import initial_models, initial_workers, register_all, traffic_file
from app.logging.access_log import Client
from app.logging.files import Logs
from app.open_inference.live_settings import LiveSettings
from app.remedies import explain
from app.replicas.following import shared_registry, start_replica, watch_state
from app.replicas.registry import make_registry
from app.settings.kserve import has_request_envelope
from app.settings.model import Settings
from app.settings.remote_store import object_archives
from app.settings.snapshots import snapshot_writer
from app.settings.sources import CommandDefaults
from app.shutdown import Deadline
from app.tracing.configuration import make_tracer
from handler.devices.device import find_devices
from handler.devices.gpu_memory import available_gpu_memory
from handler.isolation.process.environ import Environment
from handler.metrics.server_metrics import Metrics
from handler.metrics.system_metrics import SystemMetrics
from model_registry.archive.fetch import DownloadLimits
from model_registry.archive.opener import ArchiveOpener
from model_registry.archive.store import ModelStore
from model_registry.archive.unpack import Limits
from model_registry.loading.factory import ModelFactory
from model_registry.memory_guard import MemoryGuard
from model_registry.object_storage.errors import StorageError
from model_registry.registration import Registration
from model_registry.server_defaults import SequenceHeaders, ServerDefaults
from model_registry.tasks.loop_watch import LoopWatch
from model_registry.workflows.workflows import Workflows

if TYPE_CHECKING:
    from model_registry.triton.repository_models import RepositoryModels

LOG = logging.getLogger("marserve.server")


class ModelServer:
    """One server: made from settings, started and stopped once, on one event loop."""

    def __init__(self, settings: Settings, logs: Logs) -> None:
        self.settings = settings
        self.logs = logs
        self.metrics = Metrics(
            settings.metrics_mode,
            settings.metrics_config,
            settings.model_metrics_auto_detect,
            settings.marserve_metrics,
            system=None if settings.disable_system_metrics else SystemMetrics(settings.metric_time_interval),
        )
        self.metrics.log.sink = logs.metric_lines
        self.metrics.watch_lost_lines(lambda: logs.lost_lines)
        allowed = [re.compile(url, re.IGNORECASE) for url in settings.allowed_urls]
        downloads = DownloadLimits(settings.max_archive_size, settings.download_timeout, settings.download_idle_timeout)
        objects, unpacked = object_archives(settings, os.environ), Limits(size=settings.max_archive_size)
        make_store = partial(ModelStore, downloads=downloads, unpacked=unpacked, objects=objects)
        self.store = make_store(settings.model_store, allowed, given=settings.given_archives)
        self.devices = find_devices(number_of_gpu=settings.number_of_gpu)
        self._gpus = sum(device.kind == "cuda" for device in self.devices)
        self.refusals = RefusalLog(self.metrics.record_refusals)
        self.admission = Admission(connection_limits(settings), self.refusals)
        self.access_policy = AccessPolicy(settings, Path.cwd())
        self.origin_policy = OriginPolicy(settings)
        self.loop_watch = LoopWatch()
        self.factory = self._factory()
        self.registry = make_registry(
            settings,
            self.factory,
            ArchiveOpener(self.store, settings.max_downloads),
            drain_seconds=settings.drain_timeout,
            hung_limit=settings.hung_workers_limit,
            snapshots=snapshot_writer(settings, self._gpus) or traffic_file(settings),
        )
        self.workflow_store = make_store(settings.workflow_store or settings.model_store, allowed)
        self.workflows = Workflows(self.registry, ArchiveOpener(self.workflow_store, settings.max_downloads))
        self.repositories = self._repositories()
        self.live_settings = LiveSettings(settings.triton)
        self.tracer = make_tracer(os.environ)
        self.deadline = Deadline(settings.drain_timeout, settings.triton.overdue_status if settings.triton else 0)
        self.shutdown_requested = asyncio.Event()

    @classmethod
    def of(cls, scope: Scope) -> Self:
        """The server behind the application that answers a request; raises RuntimeError before its lifespan."""
        server = getattr(scope["app"].state, "model_server", None)
        if server is None:
            raise RuntimeError("The lifespan has not started: run the application in an ASGI server, or enter it.")
        return server  # type: ignore[no-any-return]

    def is_archive(self, name: str) -> bool:
        """Whether requests for that name under /v2 are for an archive: a model of a repository goes before it."""
        if self.repositories is None:
            return True
        return self.repositories.states.get(name) is None and self.registry.get(name) is not None

    async def wait_started(self) -> None:
        """Return when the start-up models are registered, and those of repositories serve or have failed."""
        await self.registry.started.wait()
        if self.repositories is not None:
            await self.repositories.started.wait()

    async def load_repositories(self) -> None:
        """Load the models of repositories beside those of archives; failures are in the log."""
        if self.repositories is not None and self.settings.triton is not None and not self.settings.triton.is_alone:
            await self.repositories.start()

    async def register_initial_models(self) -> None:
        """Register the start-up models; requests for one that is still to come wait for it."""
        for store in (self.store, self.workflow_store):
            await to_thread.run_sync(store.clear_abandoned)
        models: list[Registration] = []
        try:
            models = await to_thread.run_sync(initial_models, self.settings, self.store)
        except StorageError as error:
            self.registry.startup_failed = True
            LOG.error("No models are loaded: %s", error)
        replica, explain_failure = shared_registry(self.registry, self.settings), partial(explain, store=self.store)
        if replica is None:
            await register_all(self.registry, models, explain_failure)
            self.registry.mark_started()
        else:
            watch_state(replica, self.metrics)
            await start_replica(replica, self.settings, models, explain_failure)

    def _repositories(self) -> "RepositoryModels | None":
        triton = self.settings.triton
        if triton is None:
            return None
        from model_registry.triton.repository_models import RepositoryModels  # protobuf is an extra

        return RepositoryModels(
            triton.repository, self.registry, self.devices, self.metrics, new_worker_id=self.factory.new_worker_id,
            write_line=self.logs.model_line, drain_seconds=self.settings.drain_timeout,
            watch=self.loop_watch,
        )  # fmt: skip

    def request_shutdown(self) -> None:
        """Have the process end before its deadline, which starts now."""
        LOG.info("Shutting down; accepted requests are answered first.")
        self.deadline.start_with_exit()
        self.shutdown_requested.set()

    async def stop(self) -> None:
        """Answer the accepted requests before the deadline, end the workers, and remove unpacked archives."""
        for store in (self.store, self.workflow_store):
            store.abort()
        self.workflows.close()
        if (replica := shared_registry(self.registry, self.settings)) is not None:
            await replica.withdraw()
        if self.repositories is not None:
            await self.repositories.close(self.deadline.remaining())
        await self.registry.close(self.deadline.remaining())
        for store in (self.store, self.workflow_store):
            await to_thread.run_sync(store.close)
        if self.tracer is not None:
            await to_thread.run_sync(self.tracer.close)

    def record(
        self, client: Client, method: str, target: bytes, http_version: str, status: int, started: float
    ) -> None:
        """Count and log an answered request; `started` is in `perf_counter` seconds."""
        self.metrics.record_status(status)
        self.logs.access.write(client, method, target, http_version, status, started)

    def record_unlogged(self, status: int) -> None:
        """Count a response that TorchServe does not log."""
        self.metrics.record_status(status)
        self.metrics.flush()

    def _factory(self) -> ModelFactory:
        settings = self.settings
        defaults = ServerDefaults(
            batch_size=settings.batch_size,
            max_batch_delay=settings.max_batch_delay,
            workers=settings.default_workers_per_model,
            startup_workers=initial_workers(settings, self.devices),
            workers_are_given=settings.places.get("default_workers_per_model", "") not in ("", CommandDefaults.PLACE),
            gpus=self._gpus,
            response_timeout=settings.default_response_timeout,
            startup_timeout=settings.default_startup_timeout,
            job_queue_size=settings.job_queue_size,
            adaptive_batching=settings.adaptive_batching,
            thread_tuning=settings.thread_tuning,
            loop_pacing=settings.loop_pacing,
            lock_detection=settings.lock_detection,
            memory_guard=MemoryGuard.of_container() if settings.check_memory else MemoryGuard(None),
            available_gpu_memory=available_gpu_memory if settings.check_memory else None,
            keep_serialized_files=settings.keep_serialized_files,
            batches_requests=not has_request_envelope(settings),
            models=settings.models,
            envelope=settings.service_envelope,
            default_handler=settings.default_service_handler,
            decode=settings.decode_input_request,
            limit_max_image_pixels=settings.limit_max_image_pixels,
            allow_pickles=settings.allow_pickles,
            max_response_size=settings.max_response_size,
            first_worker_id=settings.initial_worker_port,
            environment=worker_environment(settings),
            install_packages=settings.install_py_dep_per_model,
            loop_watch=self.loop_watch,
            sequence_headers=SequenceHeaders(
                settings.ts_header_key_sequence_id,
                settings.ts_header_key_sequence_start,
                settings.ts_header_key_sequence_end,
            ),
        )
        return ModelFactory(self.store, defaults, self.devices, self.metrics, self.logs.model_line)


def worker_environment(settings: Settings) -> Environment:
    """The variables that handlers find: those that TorchServe sets, and none that are blacklisted."""
    added = {
        "TS_DECODE_INPUT_REQUEST": settings.decode_input_request,
        "TS_IPEX_ENABLE": settings.ipex_enable,
        "TS_IPEX_GPU_ENABLE": settings.ipex_gpu_enable,
    }
    hidden = re.compile(settings.blacklist_env_vars) if settings.blacklist_env_vars else None
    return Environment(hidden, {name: str(value).lower() for name, value in added.items()})
