"""The functions of libraries that are patched because all archives share them, as soon as a library is imported."""

from collections.abc import Callable, Mapping
from types import ModuleType

from handler.isolation.modules import post_import
from handler.isolation.process import event_loops, guards, patched_modules, spawning, state_guard
from handler.isolation.torch import hub, patching, profiling, torch_changes, torchscript

PATCHES: Mapping[str, Callable[[ModuleType], None]] = {
    "asyncio.events": event_loops.patch_policy,
    "multiprocessing.spawn": spawning.patch_preparation_data,
    "torch": torch_changes.patch_torch,
    "torch.autograd.profiler": profiling.patch_profiler,
    "torch._jit_internal": torchscript.patch_qualified_names,
    "torch.hub": hub.patch_hub,
    "torch.fx._symbolic_trace": patching.patch_symbolic_trace,
    **dict.fromkeys(patching.TRACING, patching.patch_tracing),
    **dict.fromkeys(patching.PATCHING, patching.patch_patchers),
}
"""The function that patches a module, by the module's name."""


def install() -> None:
    """Patch what is imported already, and the rest when it is imported."""
    for name, patch in PATCHES.items():
        post_import.register(name, patch)
    for name in guards.LIBRARY_GUARDS:
        post_import.register(name, state_guard.protect_library)
    for name in patched_modules.WATCHED:
        post_import.register(name, patched_modules.PATCH_WATCH.take)
