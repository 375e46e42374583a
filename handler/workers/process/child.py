"""The process of one worker: a service between a channel and an archive that has Python to itself."""

import faulthandler
import logging
import os
import pickle
import sys
import traceback
from collections.abc import Sequence
from dataclasses import replace
from importlib.machinery import ModuleSpec, PathFinder
from io import TextIOWrapper
from socket import socket
from typing import NoReturn, cast

from handler.batching.thread_governor import ThreadGovernor
from handler.devices import onnx_sessions
from handler.isolation.calling_archive import SERVER, SERVER_FOLDER
from handler.workers.process.channel import Channel
from handler.workers.process.child_reports import Reports, flush
from handler.workers.process.child_service import ChildService
from handler.workers.process.parent_watch import end_with_server
from handler.workers.service import archive_rows
from handler.workers.spec import ServiceSpec


def main(descriptors: Sequence[int]) -> None:
    """Load the service that the first message specifies, and serve until the server finishes; ends as the handler does.

    The descriptors are those of the sockets for answers and for other messages.
    """
    for descriptor in descriptors:
        os.set_inheritable(descriptor, False)
    channel, messages = (Channel(socket(fileno=descriptor)) for descriptor in descriptors)
    end_with_server(messages)
    reports = Reports(channel, messages)
    onnx_sessions.install()
    spec, device, cores = pickle.loads(channel.receive())  # noqa: S301 (it comes from the server)
    kind = _kind_of(spec)  # before the names of its modules are the archive's
    if spec.takes_tensors:
        archive_rows()
    _prepare_process(spec)
    service = kind(replace(spec, metric_sink=reports.metric), reports, ThreadGovernor(cores))
    try:
        with reports.batch():
            service.load(device)
        service.serve(channel)
    except BaseException as error:
        _exit(error)


def _kind_of(spec: ServiceSpec) -> type[ChildService]:
    if not spec.asynchronous:
        return ChildService
    from handler.workers.process.async_child_service import AsyncChildService  # most do without

    return AsyncChildService


def _prepare_process(spec: ServiceSpec) -> None:
    """Make the process the archive's own, as a worker process of TorchServe is."""
    own = [str(folder) for folder in (spec.folder, spec.packages) if folder]
    sys.path[:] = dict.fromkeys([*own, *sys.path])
    sys.argv[1:] = []
    for stream in (sys.stdout, sys.stderr):
        cast("TextIOWrapper", stream).reconfigure(encoding="utf-8", errors="backslashreplace", line_buffering=True)
    logging.basicConfig(stream=sys.stdout, format="%(message)s", level=logging.INFO)
    faulthandler.enable()
    # What is loaded goes on without its names, which are the archive's: most call a module of theirs `handler`.
    for name in [name for name in sys.modules if name.partition(".")[0] == "handler"]:
        del sys.modules[name]
    sys.meta_path.insert(0, _OtherPackages)


class _OtherPackages:
    """Finds packages with the names of the server's as if the server were not installed: a team's own, or none."""

    @staticmethod
    def find_spec(name: str, path: Sequence[str] | None = None, target: object = None) -> ModuleSpec | None:
        if name not in SERVER:
            return None
        hidden = os.path.realpath(SERVER_FOLDER)
        spec = PathFinder.find_spec(name, [entry for entry in sys.path if os.path.realpath(entry) != hidden])
        if spec is None:
            raise ModuleNotFoundError(f"No module named {name!r}", name=name)
        return spec


def _exit(error: BaseException) -> NoReturn:
    """End as Python does, but without its wait for threads: clients would wait for an answer that does not come."""
    status: object = 1
    if isinstance(error, SystemExit):
        status = error.code or 0
    else:
        traceback.print_exception(error)
    if not isinstance(status, int):
        print(status, file=sys.stderr)
        status = 1
    flush()
    os._exit(status & 0xFF)
