"""The contract between TorchServe and a model archive: all that a handler may import."""

# In a worker of TorchServe these are there, and handlers that import ts alone use them.
import ts.handler_utils.utils
import ts.metrics.metrics_store
import ts.protocol.otf_message_handler
import ts.service  # noqa: F401
from ts.version import __version__

__all__ = ["__version__"]
