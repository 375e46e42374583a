"""The environment of a worker's thread, in which an archive written for a process of its own runs unchanged."""

import builtins
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from threading import get_ident
from typing import Any

from handler.isolation import library_patches, thread_inheritance
from handler.isolation.calling_archive import MODULES
from handler.isolation.modules import imports
from handler.isolation.modules.namespace import Namespace
from handler.isolation.process import (
    environ,
    exit_callbacks,
    exit_trap,
    forks,
    loggers,
    output_capture,
    state_guard,
)
from handler.isolation.process.environ import VARIABLES, Environment, Variables
from handler.isolation.process.event_loops import close_loop
from handler.isolation.process.exit_callbacks import EXIT_CALLBACKS, ExitCallbacks
from handler.isolation.process.exit_trap import EXIT_TRAP, ExitTrap
from handler.isolation.process.loggers import LOGGERS, LoggerTree
from handler.isolation.process.need import PROCESS_NEED, ProcessNeed, reason_in
from handler.isolation.process.output_capture import OUTPUT, OutputCapture, WriteLine
from handler.isolation.process.patched_modules import PATCH_WATCH
from handler.isolation.process.working_directory import CURRENT_DIRECTORY, WorkingDirectory, unshare
from handler.isolation.thread_inheritance import InheritedValue
from handler.isolation.torch.torch_guard import LOG, TORCH_GUARD
from handler.isolation.torch.torch_load import PICKLE_POLICY, PicklePolicy


class WorkerEnvironment:
    """One worker's modules, `sys.path`, working directory, output_capture, logging and way to exit.

    `folder` is the unpacked archive, `label` names the worker in the log, `write_line` takes each line that its
    code writes or logs, from any thread. `unshare` gives the thread a working directory of its own; it returns False
    where the system refuses. `packages` is a further folder of modules, `environment` is how `os.environ` looks,
    `allow_pickles` lets the handler load any object from files while it is loaded itself. Where it `can_move` to a
    process, code that needs one ends in ProcessRequired.
    """

    def __init__(
        self, folder: Path, label: str, write_line: WriteLine, unshare: Callable[[], bool] = unshare, *,
        packages: Path | None = None, environment: Environment | None = None, allow_pickles: bool = True,
        can_move: bool = False,
    ) -> None:  # fmt: skip
        _install()
        self.label = label
        self.on_exit: Callable[[int], None] = lambda status: None
        """Called with the status when the archive's code calls `os._exit` on another thread than the worker's own."""
        self.namespace = Namespace(folder.absolute(), packages)
        self._folder = WorkingDirectory(folder.absolute(), unshare)
        self._output = OutputCapture(write_line)
        self._exits = ExitTrap(lambda status: self.on_exit(status))  # noqa: PLW0108 (it may be set later)
        self._logs = LoggerTree(self._output)
        self._pickle_policy = PicklePolicy(allow_pickles)
        self._variables = Variables(environment or Environment())
        self.changed_variables = self._variables.changed
        self.need = ProcessNeed(write_line, can_move=can_move)
        self._exit_callbacks = ExitCallbacks(write_line)
        self.is_checked = False
        """Set by the first `check_need`."""

    def __repr__(self) -> str:
        return f"<WorkerEnvironment of {self.label}: {self.namespace}, {self._folder}>"

    def enter(self) -> None:
        """Make the calling thread the worker's own; may be repeated, and by another thread."""
        self._folder.enter()
        self._exits.thread = self.need.thread = get_ident()
        self.namespace.builtins.open = builtins.open  # type: ignore[attr-defined]
        thread_inheritance.set_values(self._values())

    @contextmanager
    def loading(self) -> Iterator[None]:
        """Surround the import and initialization of the handler, on the worker's own thread."""
        with self._folder.loading(), TORCH_GUARD.loading(self.label), self._pickle_policy.while_loading():
            try:
                with PATCH_WATCH.loading(self.namespace, self.need):
                    yield
            finally:
                self.need.check()  # whatever its code has made of the exception
                for change in self._variables.describe_changes():
                    LOG.warning("%s: its load %s", self.label, change)

    def write_line(self, stream: str, line: str) -> None:
        """Hand a line to the worker's log, as if its code had written it."""
        self._output.write_line(stream, line)

    def check_need(self, now: float) -> None:
        """Raise ProcessRequired if there is a reason, whatever the archive's code has made of the exception.

        Called after the first batch, after one at a time `now` of `time.perf_counter` when a check is due, and where
        there is a reason.
        """
        if now >= PATCH_WATCH.due_at or not self.is_checked:
            self.is_checked = True
            PATCH_WATCH.check(self.need)
        if self.need.reason:
            self.need.check()

    def on_failure(self, error: Exception) -> None:
        """Look at what the handler raised while it served; raises ProcessRequired if it was for want of a process."""
        self.need.check()
        if reason := reason_in(error, serving=True):
            self.need.require(reason)

    def close(self) -> None:
        """Forget the archive's modules, and what the calling thread has of them; other threads keep what they have."""
        if get_ident() == self._exits.thread:
            self._exit_callbacks.run()
        self._output.close()
        self.namespace.close()
        close_loop()
        if get_ident() == self._exits.thread:
            thread_inheritance.set_values({})

    def _values(self) -> dict[InheritedValue[Any], Any]:
        values: dict[InheritedValue[Any], Any] = {
            MODULES: self.namespace,
            OUTPUT: self._output,
            LOGGERS: self._logs,
            EXIT_CALLBACKS: self._exit_callbacks,
            EXIT_TRAP: self._exits,
            PICKLE_POLICY: self._pickle_policy,
            PROCESS_NEED: self.need,
            VARIABLES: self._variables,
        }
        return values if self._folder.private else {**values, CURRENT_DIRECTORY: self._folder.directory}


def _install() -> None:
    """Change the process, once for all workers; its other threads notice nothing."""
    for part in (
        thread_inheritance,
        output_capture,
        loggers,
        exit_trap,
        exit_callbacks,
        environ,
        forks,
        state_guard,
        imports,
        library_patches,
    ):
        part.install()
