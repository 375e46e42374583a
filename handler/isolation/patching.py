"""Libraries that replace functions of torch for a while, such as those which initialize weights: for one thread only.

`from_pretrained` of transformers does so for as long as it builds a model. Two of them at once restore each other's
replacements, and whatever else builds a model meanwhile gets parameters without values, or none at all.
"""

import logging
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from functools import wraps
from threading import RLock, get_ident
from types import ModuleType
from typing import Any

LOG = logging.getLogger("marserve.loading")
PATIENCE = 60.0
"""Seconds to wait for another thread's turn: building a model takes less, unless it hangs."""

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

_turn = RLock()


def keep_patches_apart(module: ModuleType) -> None:
    """Let what a library replaces hold for the thread that asked for it, and one thread after the other."""
    for name in PATCHING[module.__name__]:
        if hasattr(module, name):
            setattr(module, name, for_one_thread(getattr(module, name)))


def for_one_thread(patching: Patching) -> Patching:
    """The same context manager, of which other threads notice nothing."""

    @wraps(patching)
    @contextmanager
    def private(*arguments: Any, **named: Any) -> Iterator[Any]:
        with _in_turn():
            before = [(owner, dict(vars(owner))) for owner in _owners()]
            with patching(*arguments, **named) as value:
                for owner, functions in before:
                    _hide_replaced(owner, functions)
                yield value

    return private


@contextmanager
def _in_turn() -> Iterator[None]:
    taken = _turn.acquire(timeout=PATIENCE)
    if not taken:
        LOG.warning(
            "A model has been under construction for more than %g s; another one does not wait for it.", PATIENCE
        )
    try:
        yield
    finally:
        if taken:
            _turn.release()


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
