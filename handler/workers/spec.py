"""The specification of a worker: values that say all that is needed to start it, wherever it runs."""

from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from handler.devices.cpu_budget import Cores
from handler.devices.device import Device
from handler.isolation.process.environ import Environment
from handler.isolation.process.output_capture import WriteLine
from handler.metrics.printed_metrics import MetricSink
from handler.workers.isolation_policy import IsolationPolicy

if TYPE_CHECKING:  # it comes with numpy, which archives may do without
    from handler.tensors.spec import TensorServiceSpec


@dataclass(frozen=True, slots=True)
class ServiceSpec:
    """All that a worker of a model version needs to load its service; the same for all of them."""

    model_name: str
    folder: Path
    manifest: Mapping[str, Any]
    handler: str
    batch_size: int
    config: Callable[[], dict[str, Any] | None] = dict
    """Reads model-config.yaml, anew at each call: handlers change what they are given."""
    envelope: str | None = None
    decode: bool = True
    limit_max_image_pixels: bool = True
    max_response_size: int = 6553500
    metric_sink: MetricSink | None = None
    declared_metrics: Mapping[str, Any] = field(default_factory=dict)
    """In the form of a metrics file."""
    packages: Path | None = None
    """A folder of modules besides `folder`."""
    environment: Environment = field(default_factory=Environment)
    allow_pickles: bool = True
    """Whether the handler may load any object from files while it is loaded itself."""
    files: AbstractContextManager[object] = field(default_factory=nullcontext)
    """Entered by each worker while it loads: the archive's files are there then, whatever becomes of them later."""
    asynchronous: bool = False
    """Whether one handler serves many jobs at once, by coroutines."""
    continuous: bool = False
    """Whether the handler is called again and again for the same jobs."""
    takes_tensors: bool = False
    """Whether requests may be made of tensors."""


@dataclass(frozen=True, slots=True)
class WorkerSpec:
    """One worker: its service, its names, and where it runs."""

    service: "ServiceSpec | TensorServiceSpec"
    index: int
    """Its place among the workers of its version, which decides over its device."""
    number: int
    """The worker id that describe shows; TorchServe counts them up from `initial_worker_port`."""
    label: str
    """The name in logs and metrics: "W-9000-ver_1.0"."""
    device: Device
    cores: Cores
    write_line: WriteLine
    """Takes each line ("stdout" or "stderr", text) that the handler writes."""
    in_process: bool = False
    """Whether it runs in a process of its own, instead of on its thread in the server's."""
    ranks: int = 0
    """The number of processes that serve together, as torchrun's do; 0 where they are no group."""
    group_gpus: tuple[int, ...] = ()
    """The numbers of the GPUs that such a group sees."""
    policy: IsolationPolicy | None = None
    """Takes part in the decision to move from the thread to a process; None: it stays where it starts."""
