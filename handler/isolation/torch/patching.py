"""Code that expects one thread in a process: libraries that patch functions of torch for a while, and torch's tracers.

`from_pretrained` of transformers replaces what initializes weights for as long as it builds a model. Two of them at
once restore each other's replacements, and whatever else builds a model meanwhile gets parameters without values, or
none at all. Tracers keep their state in globals, so that two at once fail, and that of torch.fx catches all modules.
"""

import logging
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager, nullcontext
from functools import wraps
from threading import RLock, get_ident
from types import ModuleType
from typing import Any

LOG = logging.getLogger("marserve.loading")
LOCK_TIMEOUT_SECONDS = 60.0
"""Building a model takes less, unless it hangs."""

PATCHING: Mapping[str, tuple[str, ...]] = {
    "accelerate.big_modeling": ("init_on_device",),
    "diffusers.models.modeling_utils": ("no_init_weights",),
    "peft.utils.integrations": ("_init_on_device",),
    "transformers.initialization": (
        "guard_torch_init_functions", "meta_device_safe_creation_ops", "no_init_weights", "no_tie_weights",
    ),
    "transformers.modeling_utils": ("no_init_weights",),
    "transformers.monkey_patching": ("apply_patches",),
}  # fmt: skip
"""The context managers that replace something, by their modules; each version of a library has only some."""

TRACING: Mapping[str, tuple[str, ...]] = {
    "torch.export": ("export",),
    "torch.jit._trace": ("trace", "trace_module"),
    "torch.onnx": ("export",),
}
"""The functions that trace, by their modules."""

_REPLACED_IN = (
    "torch", "torch.nn.init", "torch.nn.Module", "transformers.modeling_utils.PreTrainedModel",
    *(
        f"torch.nn.modules.{name}"
        for name in (
            "activation", "transformer", "linear", "loss", "batchnorm", "conv", "normalization", "rnn", "sparse",
        )
    ),
)  # fmt: skip
"""The modules and classes whose functions they replace."""

Patching = Callable[..., AbstractContextManager[Any]]

_lock = RLock()


def patch_patchers(module: ModuleType) -> None:
    """Let what a library replaces hold for the thread that asked for it, and one thread after the other."""
    for name in PATCHING[module.__name__]:
        if hasattr(module, name):
            setattr(module, name, thread_private(getattr(module, name)))


def patch_tracing(module: ModuleType) -> None:
    """Let one thread trace after the other, also where it has the function from another module of torch."""
    for name in TRACING[module.__name__]:
        original: Callable[..., Any] = vars(module)[name]
        for each in [each for key, each in list(sys.modules.items()) if f"{key}.".startswith("torch.")]:
            if vars(each).get(name) is original:
                setattr(each, name, _one_at_a_time(original))


def patch_symbolic_trace(symbolic_trace: ModuleType) -> None:
    """Let torch.fx see the modules that its own thread calls, and no others."""
    patcher = symbolic_trace._Patcher  # noqa: SLF001
    original: Callable[..., None] = patcher.patch_method

    def patch_method(self: Any, cls: type, name: str, new_fn: Callable[..., Any], **options: Any) -> None:
        original(self, cls, name, _by_thread(get_ident(), new_fn, getattr(cls, name)), **options)

    patcher.patch_method = patch_method
    symbolic_trace.Tracer.trace = _one_at_a_time(symbolic_trace.Tracer.trace)


def thread_private(patching: Patching) -> Patching:
    """The same context manager, of which other threads notice nothing."""

    @wraps(patching)
    @contextmanager
    def private(*arguments: Any, **named: Any) -> Iterator[Any]:
        with _patching_lock():
            before = [(owner, dict(vars(owner))) for owner in _owners()]
            with patching(*arguments, **named) as value:
                for owner, functions in before:
                    _hide_replaced(owner, functions)
                yield value

    return private


def _one_at_a_time(function: Callable[..., Any]) -> Callable[..., Any]:
    @wraps(function)
    def locked(*arguments: Any, **named: Any) -> Any:
        # torch's compiler traces under a lock of its own: it is taken first.
        compiler = getattr(sys.modules.get("torch._dynamo.convert_frame"), "compile_lock", nullcontext())
        with compiler, _patching_lock():
            return function(*arguments, **named)

    return locked


@contextmanager
def _patching_lock() -> Iterator[None]:
    taken = _lock.acquire(timeout=LOCK_TIMEOUT_SECONDS)
    if not taken:
        LOG.warning(
            "A model has been built or traced for more than %g s; another one does not wait for it.",
            LOCK_TIMEOUT_SECONDS,
        )
    try:
        yield
    finally:
        if taken:
            _lock.release()


def _owners() -> Iterator[Any]:
    for name in _REPLACED_IN:
        module, _, attribute = name.rpartition(".")
        owner = sys.modules.get(name) or getattr(sys.modules.get(module), attribute, None)
        if owner is not None:
            yield owner


def _hide_replaced(owner: Any, before: Mapping[str, Any]) -> None:
    """Have other threads call what was there before; the library itself puts that back."""
    for name, replacement in list(vars(owner).items()):
        original = before.get(name)
        if original is not replacement and callable(original) and callable(replacement):
            setattr(owner, name, _by_thread(get_ident(), replacement, original))


def _by_thread(thread: int, replacement: Callable[..., Any], original: Callable[..., Any]) -> Callable[..., Any]:
    @wraps(replacement)
    def function(*arguments: Any, **named: Any) -> Any:
        return (replacement if get_ident() == thread else original)(*arguments, **named)

    return function
