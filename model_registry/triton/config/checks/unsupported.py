"""Features of Triton's that are not here, which a configuration may ask for: refused at load, or said in the log."""

import logging
from collections.abc import Iterator
from typing import Any

from handler.tensors.errors import Code, TensorError
from model_registry.triton.config.backends import ONNX, PYTHON

LOG = logging.getLogger("marserve.repository")
PACKED_ENVIRONMENT = "EXECUTION_ENV_PATH"
ISOLATION = "ISOLATION"
"""The parameter that says where a Python model's instances run, as an archive's model-config.yaml says it."""
ON_THREADS = ("thread", "auto", "")
IGNORED_ACCELERATORS = "the execution accelerators of model '%s' have no effect: ONNX Runtime takes its own providers"


def check_supported(config: Any) -> None:
    """Raise TensorError, with the remedy, for what would change the answers of a model if it were passed over."""
    reason = next(_reasons(config), None)
    if reason is not None:
        raise TensorError(f"model '{config.name}' is not served: {reason}", Code.UNSUPPORTED)
    if config.optimization.HasField("execution_accelerators"):
        LOG.warning(IGNORED_ACCELERATORS, config.name)


def _reasons(config: Any) -> Iterator[str]:
    if config.batch_input or config.batch_output:
        yield "batch_input and batch_output, which describe ragged batches, are not supported; pad the inputs instead"
    if config.backend == ONNX.name and any(tensor.allow_ragged_batch for tensor in config.input):
        yield "an ONNX model cannot have ragged batches (allow_ragged_batch); requests of equal shapes share a batch"
    if config.sequence_batching.iterative_sequence:
        yield "iterative sequences are not supported; a decoupled model gives any number of responses"
    if config.backend == PYTHON.name and PACKED_ENVIRONMENT in config.parameters:
        yield (
            f"the packed environment of {PACKED_ENVIRONMENT} cannot be used here; install what it holds beside the "
            "server, or start a server in that environment"
        )
    isolation = config.parameters[ISOLATION].string_value if ISOLATION in config.parameters else ""
    if config.backend == PYTHON.name and isolation.lower() not in ON_THREADS:
        yield (
            f"its parameter {ISOLATION} is '{isolation}', but the instances of a Python model are threads of the "
            "server: leave the parameter out or say 'thread', or pack the code as an archive with isolation: process"
        )
