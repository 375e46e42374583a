"""The contract between TorchServe and a model archive: all that a handler may import."""

from ts.version import __version__

__all__ = ["__version__"]
