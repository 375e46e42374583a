"""The messages between TorchServe's front end and its workers, and the old home of sending pieces of a stream.

All numbers are big-endian 32-bit integers; a list ends with -1. The server does without these messages: they are for
tests of handlers, and for adapters that serve archives elsewhere.
"""

import io
import json
import logging
import os
import struct
import sys

from ts.handler_utils.utils import send_intermediate_predict_response

__all__ = [
    "create_load_model_response",
    "create_predict_response",
    "encode_response_headers",
    "retrieve_msg",
    "send_intermediate_predict_response",
]

bool_size = 1
int_size = 4
END_OF_LIST = -1
LOAD_MSG = b"L"
PREDICT_MSG = b"I"
RESPONSE = 3

logger = logging.getLogger(__name__)


def create_load_model_response(code, message):
    """The answer to a load message: a status code and a text."""
    return bytearray(_int(code) + _sized(message) + _int(END_OF_LIST))


def create_predict_response(ret, req_id_map, message, code, context=None, ts_stream_next=False):
    """The answer to a batch; of the ranks of a distributed model only the first has one, others None.

    `ret` holds one result for each row index of `req_id_map`, or is None where the batch failed. The context says the
    status and headers of each; without one it is `code` for all. A result that cannot be encoded fails the batch.
    """
    if os.getenv("LOCAL_RANK", "0") != "0":
        return None
    response = bytearray(_int(code) + _sized(message))
    try:
        for idx, request_id in req_id_map.items():
            if ts_stream_next is not True and context is not None:
                _mark_stream(context, idx, ret)
            elif context is not None:
                context.set_response_header(idx, "ts_stream_next", "true")
            head = _int(0) + _int(code) + _int(0) + _int(0) if context is None else _head(context, idx)
            response += _sized(request_id) + head + _sized(b"error" if ret is None else _encoded(ret[idx]))
    except TypeError:
        if ret is None:
            raise
        logger.warning("Unable to serialize model output.", exc_info=True)
        return create_predict_response(None, req_id_map, "Unsupported model output data type.", 503)
    return response + _int(END_OF_LIST)


def encode_response_headers(resp_hdr_map):
    """Headers as their number, and the name and value of each."""
    pairs = [_sized(name) + _sized(value) for name, value in resp_hdr_map.items()]
    return bytearray(_int(len(pairs)) + b"".join(pairs))


def retrieve_msg(conn):
    """Read a message from a socket: LOAD_MSG and a dict, or PREDICT_MSG and a list of requests.

    Raises ValueError for any other; exits when the other side has closed the connection, as a worker does.
    """
    command = _retrieve_buffer(conn, 1)
    if command == LOAD_MSG:
        return command, _retrieve_load_msg(conn)
    if command == PREDICT_MSG:
        return command, list(iter(lambda: _retrieve_request(conn), None))
    raise ValueError(f"Invalid command: {command}")


def _int(number):
    return struct.pack("!i", number)


def _sized(value):
    content = value.encode() if isinstance(value, str) else value
    return _int(len(content)) + content


def _mark_stream(context, idx, ret):
    """Set the header that tells whether more pieces follow, if the row is part of a stream."""
    if context.stopping_criteria:
        stops = context.stopping_criteria[idx](ret[idx])
        if stops is not None:
            context.set_response_header(idx, "ts_stream_next", "false" if stops else "true")
    elif context.get_response_headers(idx).get("ts_stream_next") == "true":
        context.set_response_header(idx, "ts_stream_next", "false")


def _head(context, idx):
    status, phrase = context.get_response_status(idx)
    head = _sized(context.get_response_content_type(idx) or "") + _int(200 if status is None else status)
    return head + _sized(phrase or "") + encode_response_headers(context.get_response_headers(idx))


def _encoded(value):
    """A result as bytes; raises TypeError for what JSON cannot say."""
    if isinstance(value, (bytes, bytearray)):
        return value
    if isinstance(value, str):
        return value.encode()
    torch = sys.modules.get("torch")
    if torch is not None and isinstance(value, torch.Tensor):
        buffer = io.BytesIO()
        torch.save(value, buffer)
        return buffer.getvalue()
    return json.dumps(value, indent=2).encode()


def _retrieve_buffer(conn, length):
    content = bytearray()
    while len(content) < length:
        part = conn.recv(length - len(content))
        if not part:
            logger.info("Frontend disconnected.")
            sys.exit(0)
        content += part
    return content


def _retrieve_int(conn):
    return struct.unpack("!i", _retrieve_buffer(conn, int_size))[0]


def _retrieve_bool(conn):
    return struct.unpack("!?", _retrieve_buffer(conn, bool_size))[0]


def _retrieve_sized(conn):
    return _retrieve_buffer(conn, _retrieve_int(conn))


def _retrieve_load_msg(conn):
    message = {"modelName": _retrieve_sized(conn), "modelPath": _retrieve_sized(conn)}
    message["batchSize"] = _retrieve_int(conn)
    message["handler"] = _retrieve_sized(conn)
    gpu = _retrieve_int(conn)
    if gpu >= 0:
        message["gpu"] = gpu
    message["envelope"] = _retrieve_sized(conn)
    message["limitMaxImagePixels"] = _retrieve_bool(conn)
    return message


def _retrieve_request(conn):
    length = _retrieve_int(conn)
    if length == END_OF_LIST:
        return None
    return {
        "requestId": _retrieve_buffer(conn, length),
        "headers": list(iter(lambda: _retrieve_header(conn), None)),
        "parameters": list(iter(lambda: _retrieve_input_data(conn), None)),
    }


def _retrieve_header(conn):
    length = _retrieve_int(conn)
    if length == END_OF_LIST:
        return None
    return {"name": _retrieve_buffer(conn, length), "value": _retrieve_sized(conn)}


def _retrieve_input_data(conn):
    """A parameter; JSON and text are decoded unless TS_DECODE_INPUT_REQUEST says otherwise at this moment."""
    length = _retrieve_int(conn)
    if length == END_OF_LIST:
        return None
    name, kind = _retrieve_buffer(conn, length).decode(), _retrieve_sized(conn).decode()
    value = _retrieve_sized(conn)
    if os.environ.get("TS_DECODE_INPUT_REQUEST", "true") == "true":
        try:
            if kind == "application/json":
                value = json.loads(value.decode())
            elif kind.startswith("text"):
                value = value.decode()
        except Exception:
            logger.warning("Failed to decode input data of type %s.", kind, exc_info=True)
    return {"name": name, "contentType": kind, "value": value}
