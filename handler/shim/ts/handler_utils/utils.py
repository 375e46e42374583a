"""Streaming of an answer in pieces, and classes by their name."""

import importlib
import os


def import_class(class_name, module_prefix=None):
    """The class of the name "package.module.Class"; `module_prefix` is put in front. Raises ImportError."""
    module_name, _, name = class_name.rpartition(".")
    module_name = ".".join(filter(None, (module_prefix, module_name)))
    if not module_name:
        raise ImportError("module name is not defined.")
    try:
        return getattr(importlib.import_module(module_name), name)
    except AttributeError:
        raise ImportError(f"class:{name} not found in module:{module_name}.") from None


def send_intermediate_predict_response(ret, req_id_map, message, code, context=None):
    """Send `ret[idx]` as the next piece of the answer to each row in `req_id_map`.

    What `handle` returns is the last piece. `ret` is a list or a dict by row index; any thread may call this. `message`
    and `code` have no effect on the wire. Of the processes of a distributed model only the first (LOCAL_RANK 0) sends,
    as in TorchServe.
    """
    if context is None or int(os.getenv("LOCAL_RANK", "0")) != 0:
        return
    pieces = {idx: ret[idx] for idx in req_id_map}
    for idx, piece in pieces.items():
        context.set_response_header(idx, "ts_stream_next", "true")
        if context.send_piece is not None:
            context.send_piece(idx, piece)
