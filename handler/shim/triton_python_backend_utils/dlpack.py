"""DLPack where numpy does not reach: BF16, which it has no type for, and the memory of GPUs."""

import ctypes

import numpy as np

BFLOAT = 4
CPU = 1
NAME = b"dltensor"
USED = b"used_dltensor"


class _Device(ctypes.Structure):
    _fields_ = [("device_type", ctypes.c_int32), ("device_id", ctypes.c_int32)]


class _DataType(ctypes.Structure):
    _fields_ = [("code", ctypes.c_uint8), ("bits", ctypes.c_uint8), ("lanes", ctypes.c_uint16)]


class _Tensor(ctypes.Structure):
    _fields_ = [
        ("data", ctypes.c_void_p),
        ("device", _Device),
        ("ndim", ctypes.c_int32),
        ("dtype", _DataType),
        ("shape", ctypes.POINTER(ctypes.c_int64)),
        ("strides", ctypes.POINTER(ctypes.c_int64)),
        ("byte_offset", ctypes.c_uint64),
    ]


class _Managed(ctypes.Structure):
    pass


_Deleter = ctypes.CFUNCTYPE(None, ctypes.POINTER(_Managed))
_Managed._fields_ = [("dl_tensor", _Tensor), ("manager_ctx", ctypes.c_void_p), ("deleter", _Deleter)]

_api = ctypes.pythonapi
_api.PyCapsule_New.restype = ctypes.py_object
_api.PyCapsule_New.argtypes = [ctypes.c_void_p, ctypes.c_char_p, ctypes.c_void_p]
_api.PyCapsule_GetPointer.restype = ctypes.c_void_p
_api.PyCapsule_GetPointer.argtypes = [ctypes.py_object, ctypes.c_char_p]
_api.PyCapsule_IsValid.argtypes = [ctypes.py_object, ctypes.c_char_p]
_api.PyCapsule_SetName.argtypes = [ctypes.py_object, ctypes.c_char_p]

_exported = {}
"""The memory that capsules point to, by address, until their readers have released it."""


@_Deleter
def _delete(managed):
    _exported.pop(ctypes.addressof(managed.contents), None)


def capsule_of_bits(bits):
    """A capsule of a BF16 tensor whose elements' bits are those of the array."""
    array = np.ascontiguousarray(bits)
    shape = (ctypes.c_int64 * array.ndim)(*array.shape)
    tensor = _Tensor(
        array.ctypes.data, _Device(CPU, 0), array.ndim, _DataType(BFLOAT, 16, 1),
        ctypes.cast(shape, ctypes.POINTER(ctypes.c_int64)), None, 0,
    )  # fmt: skip
    managed = _Managed(tensor, None, _delete)
    _exported[ctypes.addressof(managed)] = (managed, shape, array)
    return _api.PyCapsule_New(ctypes.addressof(managed), NAME, None)


def array_of(source):
    """The array over a tensor's or a capsule's memory, and whether its elements are the bits of BF16."""
    if hasattr(source, "__dlpack__"):
        if source.__dlpack_device__()[0] not in (CPU, 3):
            return _from_gpu(source)
        try:
            return np.from_dlpack(source), False
        except (BufferError, RuntimeError, TypeError):
            return _array_of_capsule(source.__dlpack__())
    return _array_of_capsule(source)


def _array_of_capsule(capsule):
    if not _api.PyCapsule_IsValid(capsule, NAME):
        raise TypeError("from_dlpack takes a tensor with __dlpack__, or a capsule that nobody has read")
    managed = _Managed.from_address(_api.PyCapsule_GetPointer(capsule, NAME))
    tensor = managed.dl_tensor
    if tensor.device.device_type not in (CPU, 3):
        return _from_gpu(_Holder(capsule, tensor.device))
    if tensor.dtype.code != BFLOAT:
        return np.from_dlpack(_Holder(capsule, tensor.device)), False
    array = _copied_bits(tensor)
    _api.PyCapsule_SetName(capsule, USED)
    if managed.deleter:
        managed.deleter(ctypes.pointer(managed))
    return array, True


def _copied_bits(tensor):
    shape = tensor.shape[: tensor.ndim]
    address = (tensor.data or 0) + tensor.byte_offset
    if not all(shape):
        return np.empty(shape, np.uint16)
    if not tensor.strides:
        bits = (ctypes.c_uint16 * int(np.prod(shape))).from_address(address)
        return np.frombuffer(bits, np.uint16).reshape(shape).copy()
    strides = tensor.strides[: tensor.ndim]
    span = 1 + sum((size - 1) * step for size, step in zip(shape, strides, strict=True))
    bits = np.frombuffer((ctypes.c_uint16 * span).from_address(address), np.uint16)
    return np.lib.stride_tricks.as_strided(bits, shape, [2 * step for step in strides]).copy()


class _Holder:
    """A capsule as libraries take it today."""

    def __init__(self, capsule, device):
        self._capsule = capsule
        self._device = (device.device_type, device.device_id)

    def __dlpack__(self, **options):
        return self._capsule

    def __dlpack_device__(self):
        return self._device


def _from_gpu(source):
    import torch

    tensor = torch.from_dlpack(source).cpu().contiguous()
    if tensor.dtype == torch.bfloat16:
        return tensor.view(torch.int16).numpy().view(np.uint16), True
    return tensor.numpy(), False
