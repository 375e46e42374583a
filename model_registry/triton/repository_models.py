"""The models of repositories in a server: at its start, by request, by polling, and at its end."""

import asyncio
import contextlib
import logging
from collections.abc import Callable, Mapping, Sequence

from handler.devices.device import Device
from handler.metrics.server_metrics import Metrics
from handler.tensors.errors import Code, TensorError
from model_registry.registry import Registry
from model_registry.tasks.loop_watch import LoopWatch
from model_registry.tensors.response_cache import ResponseCache
from model_registry.tensors.routed_version import RoutedVersion
from model_registry.traffic.chooser import RoutedRequest
from model_registry.triton.control import IndexEntry, RepositoryControl
from model_registry.triton.launcher import ModelLauncher
from model_registry.triton.metrics_page import MetricsPage
from model_registry.triton.model_calls import LoopCalls
from model_registry.triton.model_states import ModelStates, Served
from model_registry.triton.options import ALL, RepositoryOptions
from model_registry.triton.repository import ModelRepository, Override

LOG = logging.getLogger("marserve.repository")


class RepositoryModels:
    """Serves the models of repositories on the running event loop. It is also the server as those models call it."""

    def __init__(
        self, options: RepositoryOptions, registry: Registry, devices: Sequence[Device], metrics: Metrics, *,
        new_worker_id: Callable[[], int], write_line: Callable[[str, str, str], None], drain_seconds: float,
        watch: LoopWatch | None = None,
    ) -> None:  # fmt: skip
        self.options = options
        self._registry = registry
        cache = ResponseCache(options.launch.cache_bytes) if options.launch.cache_bytes else None
        launcher = ModelLauncher(
            options.launch, devices, metrics, find=self.find, calls=LoopCalls(asyncio.get_running_loop(), self),
            new_worker_id=new_worker_id, write_line=write_line, cache=cache, watch=watch,
        )  # fmt: skip
        repository = ModelRepository(
            options.paths, config_name=options.config_name, is_strict=not options.launch.completes
        )
        self._control = RepositoryControl(repository, launcher, self, drain_seconds=drain_seconds)
        self.metrics_page = MetricsPage(self.states, cache, has_cpu=options.cpu_metrics)
        self._polling: asyncio.Task[None] | None = None
        self.started = asyncio.Event()
        """Set when the models of the start serve, or have failed."""

    def __repr__(self) -> str:
        return f"<RepositoryModels {', '.join(map(str, self.options.paths))}, {self.options.mode}>"

    @property
    def states(self) -> ModelStates:
        """The states of all versions that were ever asked for."""
        return self._control.states

    @property
    def is_ready(self) -> bool:
        """Whether the server takes requests: with strict readiness, only while every model serves or was unloaded."""
        return self.started.is_set() and (self.states.is_settled or not self.options.strict_readiness)

    async def start(self) -> bool:
        """Load the models of the start; whether all of them serve. Raises OSError where a repository is none."""
        names = await asyncio.to_thread(self._control.names)
        if self.options.mode == "explicit":
            names = names if ALL in self.options.load_models else set(self.options.load_models)
        is_complete = await self._control.load_all(names)
        self.started.set()
        if self.options.mode == "poll":
            self._polling = asyncio.create_task(self._poll())
        return is_complete

    async def close(self, seconds: float) -> None:
        """Answer what was accepted, within `seconds`, and end every version."""
        if self._polling is not None:
            self._polling.cancel()
        await self._control.close(seconds)

    def find(self, name: str, number: int = -1) -> Served:
        """The version that answers a request, the newest for -1; raises TensorError."""
        return self.states.find(name, number)

    def route(self, name: str, number: int, request: Callable[[], RoutedRequest]) -> Served | RoutedVersion:
        """The version that answers a client's request: where it names none, the traffic of the model decides.

        Without any the default serves, which is the newest until another is set. Raises TensorError.
        """
        newest = self.find(name, number)
        model = self._registry.get(name)
        if number >= 0 or model is None or model.role != "repository":
            return newest
        traffic = model.active_traffic
        if traffic is None:
            return model.versions.get(model.default, newest)  # type: ignore[return-value] # it is published as one
        return RoutedVersion(traffic.choose(request()), traffic, traffic.mirror and traffic.mirror.shadow)

    def is_model_ready(self, name: str, number: int = -1) -> bool:
        """Whether a version serves, any for -1."""
        return self.states.is_ready(name, number)

    def index(self, *, only_ready: bool = False) -> list[IndexEntry]:
        """Every version of every model of the repositories, with its state."""
        return self._control.index(only_ready=only_ready)

    async def load_model(self, name: str, override: Override | None = None) -> None:
        """Load a model anew; returns when it serves. Raises TensorError."""
        self._check_explicit()
        await self._control.load(name, override)

    async def unload_model(self, name: str, *, unload_dependents: bool = False) -> None:
        """Unload a model, and answer its requests in flight in the background. Raises TensorError."""
        self._check_explicit()
        await self._control.unload(name, unload_dependents=unload_dependents)

    def publish(self, name: str, versions: Mapping[int, Served]) -> None:
        """Let the registry know which versions of a model serve."""
        self._registry.publish(name, {str(number): versions[number] for number in sorted(versions)})

    def _check_explicit(self) -> None:
        if self.options.mode != "explicit":
            raise TensorError("explicit model load / unload is not allowed if polling is enabled", Code.UNAVAILABLE)

    async def _poll(self) -> None:
        while True:
            await asyncio.sleep(self.options.poll_seconds)
            with contextlib.suppress(OSError):
                await self._control.poll()
