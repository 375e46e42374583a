"""A service in several processes at once, the ranks of one model: all get each batch, and the first one answers."""

import selectors
import socket
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

from handler.devices.device import Device
from handler.errors import ChildFailed, ChildOutOfMemory
from handler.isolation.process.exit_trap import WorkerExit
from handler.workers.process.child_process import ChildProcess
from handler.workers.process.process_service import ProcessService
from handler.workers.spec import WorkerSpec

ADDRESS = "127.0.0.1"


class GroupService(ProcessService):
    """Loads and calls a service in the processes of a group, as `torchrun` starts them; a death ends them all.

    The handlers find each other by torchrun's variables: RANK, WORLD_SIZE, MASTER_PORT and so on. What ranks other than
    the first answer and measure is dropped; what they print is not.
    """

    def __init__(self, spec: WorkerSpec, on_exit: Callable[[int], None]) -> None:
        super().__init__(spec, on_exit)
        self._ranks: list[ChildProcess] = []

    def load(self) -> None:
        """Start the processes, and load in each; raises ChildFailed of the first that fails, or WorkerExit."""
        folder, environ = self._spec.service.folder, self._environ()
        variables = group_variables(self._spec.ranks, self._spec.group_gpus, free_port())
        for rank, own in enumerate(variables):
            emit = self._emit if rank == 0 else _drop
            environment = {**environ, **own}
            child = ChildProcess(folder, environment, self._spec.write_line, emit, self._on_rank_end)
            self._ranks.append(child)
        self._child = self._ranks[0]
        if self._is_killed:
            self.kill()
        for rank, child in enumerate(self._ranks):
            self._send(child, self._hello(_device_of(self._spec.device, rank)))
        self._is_calling = True  # the failure of one is more than the ends of all
        failure = self._first_failure()
        self._is_calling = False
        if failure is not None:
            self._is_closed = True
            self.kill()
            raise failure

    def kill(self) -> bool:
        """True: the processes end, and all that they have started."""
        self._is_killed = True
        for child in self._ranks:
            child.kill()
        return True

    def close(self) -> None:
        """Let the processes end by themselves, but not for long."""
        self._is_closed = True
        for child in self._ranks:
            child.finish()
        for child in self._ranks:
            child.close()

    def _call(self, child: ChildProcess, request: Any, on_chunk: Callable[..., None]) -> tuple[str, Any]:
        for other in self._ranks[1:]:
            self._send(other, request)
        answer = super()._call(child, request, on_chunk)
        for other in self._ranks[1:]:
            self._receive(other, _drop, _drop)
        return answer

    def _first_failure(self) -> Exception | BaseException | None:
        """Wait until all ranks have loaded, or one has not; returns why."""
        with selectors.DefaultSelector() as selector:
            for child in self._ranks:
                selector.register(child.channel, selectors.EVENT_READ)
            while selector.get_map():
                for key, _ in selector.select():
                    selector.unregister(key.fileobj)
                    failure = _load_failure(key.fileobj)
                    if failure is not None:
                        return failure
        return None

    def _on_rank_end(self, status: int) -> None:
        if self._is_closed:
            return
        for child in self._ranks:
            child.kill()
        self._on_child_end(status)


def group_variables(ranks: int, gpus: Sequence[int], port: int) -> Iterator[Mapping[str, str]]:
    """The variables that torchrun sets, for each rank of one group on one machine; `gpus` are those it may use."""
    shared = {
        **dict.fromkeys(("WORLD_SIZE", "LOCAL_WORLD_SIZE", "ROLE_WORLD_SIZE"), str(ranks)),
        **dict.fromkeys(("GROUP_RANK", "TORCHELASTIC_RESTART_COUNT", "TORCHELASTIC_MAX_RESTARTS"), "0"),
        "GROUP_WORLD_SIZE": "1", "ROLE_NAME": "default", "TORCHELASTIC_RUN_ID": "none", "OMP_NUM_THREADS": "1",
        "TORCHELASTIC_USE_AGENT_STORE": "False", "MASTER_ADDR": ADDRESS, "MASTER_PORT": str(port),
        "CUDA_VISIBLE_DEVICES": ",".join(map(str, gpus)),
    }  # fmt: skip
    for rank in range(ranks):
        yield {**shared, **dict.fromkeys(("RANK", "LOCAL_RANK", "ROLE_RANK"), str(rank))}


def free_port() -> int:
    """A port that is free at the moment; the first rank listens on it."""
    with socket.socket() as probe:
        probe.bind((ADDRESS, 0))
        port: int = probe.getsockname()[1]
        return port


def _load_failure(channel: Any) -> Exception | BaseException | None:
    try:
        kind, _, content = channel.receive()
    except (EOFError, ConnectionError):
        return WorkerExit(1)
    if kind != "failed":
        return None
    out_of_memory, text, lines = content
    return (ChildOutOfMemory if out_of_memory else ChildFailed)(text, lines)


def _device_of(device: Device, rank: int) -> Device:
    """The device of a rank: its own among those that the group sees."""
    return replace(device, index=rank) if device.kind == "cuda" else device


def _drop(*_: Any) -> None:
    """Take what is not needed."""
