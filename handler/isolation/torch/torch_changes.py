"""The patches of torch itself, applied once it has been imported."""

from types import ModuleType

from handler.isolation.torch import torch_load


def patch_torch(torch: ModuleType) -> None:
    """Make torch fit for several archives; called while an archive's code imports it.

    This is not done by the import system's own modules, whose imports are the archive's: one with a `handler.py` would
    be asked for `handler.isolation`.
    """
    from handler.isolation.torch import default_dtype  # it needs torch, which only now is there

    default_dtype.install(torch)
    torch_load.patch_load(torch)
