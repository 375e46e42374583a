"""The data types of tensors, and BYTES tensors on the wire."""

import struct

import numpy as np

TRITON_STRING_TO_NUMPY = {
    "TYPE_BOOL": bool,
    "TYPE_UINT8": np.uint8,
    "TYPE_UINT16": np.uint16,
    "TYPE_UINT32": np.uint32,
    "TYPE_UINT64": np.uint64,
    "TYPE_INT8": np.int8,
    "TYPE_INT16": np.int16,
    "TYPE_INT32": np.int32,
    "TYPE_INT64": np.int64,
    "TYPE_FP16": np.float16,
    "TYPE_FP32": np.float32,
    "TYPE_FP64": np.float64,
    "TYPE_STRING": np.object_,
}

TRITON_TO_NUMPY_TYPE = {
    1: np.bool_,
    2: np.uint8,
    3: np.uint16,
    4: np.uint32,
    5: np.uint64,
    6: np.int8,
    7: np.int16,
    8: np.int32,
    9: np.int64,
    10: np.float16,
    11: np.float32,
    12: np.float64,
    13: np.object_,
}

NUMPY_TO_TRITON_TYPE = {
    bool: 1,
    np.bool_: 1,
    np.uint8: 2,
    np.uint16: 3,
    np.uint32: 4,
    np.uint64: 5,
    np.int8: 6,
    np.int16: 7,
    np.int32: 8,
    np.int64: 9,
    np.float16: 10,
    np.float32: 11,
    np.float64: 12,
    np.object_: 13,
    np.bytes_: 13,
}
BF16 = 14


def triton_string_to_numpy(triton_type_string):
    return TRITON_STRING_TO_NUMPY[triton_type_string]


def triton_to_numpy_type(data_type):
    return TRITON_TO_NUMPY_TYPE[data_type]


def numpy_to_triton_type(data_type):
    return NUMPY_TO_TRITON_TYPE[data_type]


def serialize_byte_tensor(input_tensor):
    """The elements in row-major order, each behind its length; bytes."""
    if input_tensor.size == 0:
        return b""
    if input_tensor.dtype != np.object_ and input_tensor.dtype.type != np.bytes_:
        return None
    pieces = []
    for element in input_tensor.reshape(-1).tolist():
        data = element if isinstance(element, bytes) else str(element).encode("utf-8")
        pieces += (struct.pack("<I", len(data)), data)
    return b"".join(pieces)


def deserialize_bytes_tensor(encoded_tensor):
    """An array of bytes objects."""
    elements, at = [], 0
    data = bytes(encoded_tensor)
    while at < len(data):
        (length,) = struct.unpack_from("<I", data, at)
        elements.append(data[at + 4 : at + 4 + length])
        at += 4 + length
    array = np.empty(len(elements), dtype=np.object_)
    array[:] = elements
    return array
