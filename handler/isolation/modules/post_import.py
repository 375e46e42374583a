"""What is changed in libraries that all archives share, as soon as they have been imported."""

import sys
from collections.abc import Callable, Mapping
from importlib import import_module
from importlib.machinery import ModuleSpec
from types import ModuleType

from handler.isolation.process import event_loops, spawning
from handler.isolation.torch import hub, patching, profiling, torch_changes, torchscript

CHANGES: Mapping[str, Callable[[ModuleType], None]] = {
    "asyncio.events": event_loops.give_workers_a_loop,
    "multiprocessing.spawn": spawning.tell_archives_path,
    "torch": torch_changes.adapt,
    "torch.autograd.profiler": profiling.one_at_a_time,
    "torch._jit_internal": torchscript.keep_types_apart,
    "torch.hub": hub.keep_repositories_apart,
    "torch.fx._symbolic_trace": patching.keep_symbols_apart,
    **dict.fromkeys(patching.TRACING, patching.keep_traces_apart),
    **dict.fromkeys(patching.PATCHING, patching.keep_patches_apart),
}
"""What to do with a module, by its name."""


def change_loaded() -> None:
    """Change what the process has imported already; waits for what another thread is still importing."""
    for name in CHANGES:
        if sys.modules.get(name) is not None:  # None stands there for what must not be imported
            CHANGES[name](import_module(name))


def watch(name: str, spec: ModuleSpec) -> None:
    """Change the module of that plain name when the loader of the spec has executed it."""
    loader = spec.loader
    if name not in CHANGES or loader is None:
        return
    execute = loader.exec_module

    def execute_and_change(module: ModuleType) -> None:
        execute(module)
        CHANGES[name](module)

    setattr(loader, "exec_module", execute_and_change)  # noqa: B010 (mypy forbids the plain assignment)
