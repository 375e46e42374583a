"""Puts the server together from its settings: one registry behind one to three addresses."""

import asyncio
import re
from collections.abc import Sequence
from pathlib import Path
from time import monotonic
from typing import TYPE_CHECKING, Any

import ts

from app import release
from app.access_policy import AccessPolicy
from app.api.health import OpenInference, ServerHealth
from app.api.inference import Inference
from app.api.management import Management
from app.api.metrics import MetricsPage
from app.api.openapi import DESCRIPTION, INFERENCE, MANAGEMENT, METRICS, Descriptions, Operation
from app.api.workflows import WorkflowInference, WorkflowManagement
from app.authorization import Tokens
from app.http.address import Address, Router
from app.http.responses import Headers
from app.logging.files import Logs
from app.settings.model import Settings
from app.settings.snapshots import snapshot_writer
from app.settings.types import ListenAddress
from app.startup import initial_models, initial_workers, register_all
from handler.devices.device import find_devices
from handler.isolation.process.environ import Environment
from handler.metrics.server_metrics import Metrics
from handler.metrics.system_metrics import SystemMetrics
from model_registry.archive.store import ModelStore
from model_registry.factory import ModelFactory
from model_registry.memory_guard import MemoryGuard
from model_registry.registry import Registry
from model_registry.server_defaults import SequenceHeaders, ServerDefaults
from model_registry.workflows.workflows import Workflows

if TYPE_CHECKING:
    from collections.abc import Iterator


class Application:
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
        allowed = [re.compile(url, re.IGNORECASE) for url in settings.allowed_urls]
        self.store = ModelStore(settings.model_store, allowed)
        self.devices = find_devices(number_of_gpu=settings.number_of_gpu)
        self._gpus = sum(device.kind == "cuda" for device in self.devices)
        self.guards = AccessPolicy(settings, Path.cwd())
        self.factory = self._factory()
        self.registry = Registry(
            self.factory,
            drain_seconds=settings.drain_timeout,
            hung_limit=settings.hung_workers_limit,
            snapshots=snapshot_writer(settings, self._gpus),
        )
        self.workflow_store = ModelStore(settings.workflow_store or settings.model_store, allowed)
        self.workflows = Workflows(self.registry, self.workflow_store)
        self._starting: asyncio.Task[None] | None = None
        self._deadline: float | None = None

    def start(self) -> None:
        """Begin to register the start-up models; requests for one that is still to come wait for it."""
        chosen = initial_models(self.settings, self.store)
        self._starting = asyncio.create_task(register_all(self.registry, chosen))

    def begin_to_stop(self) -> None:
        """From now on runs the time that `drain_timeout` allows."""
        self._deadline = monotonic() + self.settings.drain_timeout

    async def stop(self) -> None:
        """Answer what was accepted, end the workers, and remove what was unpacked."""
        if self._starting is not None:
            self._starting.cancel()
            await asyncio.wait({self._starting})
        rest = self.settings.drain_timeout if self._deadline is None else self._deadline - monotonic()
        self.workflows.close()
        await self.registry.close(rest)
        for store in (self.store, self.workflow_store):
            await asyncio.to_thread(store.close)

    def _factory(self) -> ModelFactory:
        settings = self.settings
        defaults = ServerDefaults(
            workers=settings.default_workers_per_model,
            startup_workers=initial_workers(settings, self.devices),
            gpus=self._gpus,
            response_timeout=settings.default_response_timeout,
            startup_timeout=settings.default_startup_timeout,
            job_queue_size=settings.job_queue_size,
            memory_guard=MemoryGuard.of_container() if settings.check_memory else MemoryGuard(None),
            keep_serialized_files=settings.keep_serialized_files,
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
            sequence_headers=SequenceHeaders(
                settings.ts_header_key_sequence_id,
                settings.ts_header_key_sequence_start,
                settings.ts_header_key_sequence_end,
            ),
        )
        return ModelFactory(self.store, defaults, self.devices, self.metrics, self.logs.model_line)

    def addresses(self) -> dict[ListenAddress, Address]:
        """Who answers on each address. APIs that name the same one share it, in the order that TorchServe asks them."""
        settings = self.settings
        apis = {"inference": settings.inference_address, "management": settings.management_address}
        if settings.enable_metrics_api:
            apis["metrics"] = settings.metrics_address
        shared: dict[ListenAddress, list[str]] = {}
        for api, binding in apis.items():
            shared.setdefault(binding, []).append(api)
        for names in shared.values():
            if names == ["inference", "management"] and settings.enable_metrics_api:
                names.append("metrics")  # besides the address of its own
        return {binding: self._address(names) for binding, names in shared.items()}

    def _address(self, apis: Sequence[str]) -> Address:
        described = [operations for api in apis for operations in OPERATIONS[api]]
        routers: list[Router] = [Descriptions(described, greeting() if self.settings.one_port else None)]
        routers += [router for api in apis for router in self._routers(api)]
        settings = self.settings
        guard = self.guards.guard(apis)
        quick = Inference(self.registry) if "inference" in apis else None
        return Address(routers, guard, settings.max_request_size, self.metrics, self.logs.access, cors(settings), quick)

    def _routers(self, api: str) -> "Iterator[Router]":
        if api == "inference":
            yield Inference(self.registry, one_port=self.settings.one_port)
            yield WorkflowInference(self.workflows)
            if self.settings.one_port:
                yield ServerHealth(self.registry)
            if self.settings.ts_open_inference_protocol:
                yield OpenInference()
        elif api == "metrics":
            yield MetricsPage(self.metrics)
        else:
            yield Management(self.registry, enabled=self.settings.enable_model_api)
            yield WorkflowManagement(self.workflows)
            if self.guards.keys is not None:
                yield Tokens(self.guards.keys)


OPERATIONS: dict[str, list[Operation]] = {
    "inference": [*DESCRIPTION, *METRICS, *INFERENCE],
    "management": [*DESCRIPTION, *METRICS, *MANAGEMENT],
    "metrics": METRICS,
}
"""What each address describes, as TorchServe does: /metrics everywhere, and the metrics address nothing else."""


def greeting() -> dict[str, Any]:
    """What "/" tells on a port that serves every API, where TorchServe has nothing to say."""
    return {
        "name": "marserve",
        "version": release.version(),
        "torchserve": ts.__version__,
        "predict": "POST /predictions/{model_name}",
        "models": "GET /models",
        "metrics": "GET /metrics",
        "description": "GET /api-description",
    }


def worker_environment(settings: Settings) -> Environment:
    """The variables that handlers find: those that TorchServe sets, and none that are blacklisted."""
    added = {
        "TS_DECODE_INPUT_REQUEST": settings.decode_input_request,
        "TS_IPEX_ENABLE": settings.ipex_enable,
        "TS_IPEX_GPU_ENABLE": settings.ipex_gpu_enable,
    }
    hidden = re.compile(settings.blacklist_env_vars) if settings.blacklist_env_vars else None
    return Environment(hidden, {name: str(value).lower() for name, value in added.items()})


def cors(settings: Settings) -> Headers:
    """The configured cross-origin headers, with the text as it is."""
    configured = {
        b"access-control-allow-origin": settings.cors_allowed_origin,
        b"access-control-allow-methods": settings.cors_allowed_methods,
        b"access-control-allow-headers": settings.cors_allowed_headers,
    }
    return tuple((name, value.encode()) for name, value in configured.items() if value)
