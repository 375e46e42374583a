"""The bytes that clients get of a handler's results, encoded as TorchServe does."""

import io
import sys
from collections.abc import Coroutine
from typing import Any

from handler.errors import BadOutput
from handler.payload.json_indent import dumps

COROUTINE = "handle is a coroutine function; such are served with asyncCommunication: true in model-config.yaml."


def checked_results(results: Any, rows: int) -> list[Any]:
    """The results, if they are a list with one element for each row; raises BadOutput."""
    if not isinstance(results, list):
        if isinstance(results, Coroutine):
            results.close()
            raise BadOutput("Invalid model predict output", COROUTINE)
        cause = f"handle must return a list of answers, one for each row; it returned a {type(results).__name__}."
        raise BadOutput("Invalid model predict output", cause)
    if type(results) is not list:
        return checked_results(list(results), rows)  # a class of the archive's own may have any length
    if len(results) != rows:
        cause = f"handle must return one answer for each row; for {rows} it returned {len(results)}."
        raise BadOutput("number of batch response mismatched", cause)
    return results


def encode(value: Any) -> bytes:
    """One result: bytes as they are, text as UTF-8, a tensor as `torch.save` writes it, anything else as indented JSON.

    Raises BadOutput for what JSON cannot express.
    """
    if type(value) is not dict:  # which most are
        if isinstance(value, str):
            return value.encode()
        if isinstance(value, (bytes, bytearray)):
            return bytes(value)
        torch = sys.modules.get("torch")  # a handler that returns tensors has imported it
        if torch is not None and isinstance(value, torch.Tensor):
            buffer = io.BytesIO()
            torch.save(value, buffer)
            return buffer.getvalue()
    try:
        return dumps(value)
    except (TypeError, ValueError, RecursionError) as error:
        cause = f"An answer must be text, bytes, a tensor or what JSON can express ({error}); of numpy, take tolist()."
        raise BadOutput("Unsupported model output data type.", cause) from error


def http_status(value: Any) -> int:
    """A status that a handler set, as HTTP can send it; raises BadOutput for anything else. None and 0 are 200."""
    try:
        status = int(value or 200)
    except (TypeError, ValueError, OverflowError):
        status = 0
    if not 200 <= status <= 999:
        raise BadOutput(f"The handler set a status that HTTP cannot send: {value!r:.50}")
    return status
