"""Tensors as parts of a request to an archive, and answers that are tensors: bytes with a description in front.

The handler finds an array for each input in its row, by the input's name, and under "body" as well where it is the only
one. It answers with an array, or with a dict of them; lists of numbers or strings will do.
"""

from collections.abc import Iterable, Iterator
from typing import Any

import numpy as np
import orjson

from handler.errors import BadOutput
from handler.job import Input, Part
from handler.tensors.datatypes import BY_NAME, BYTES, datatype_of
from handler.tensors.strings import as_bytes
from handler.tensors.tensor import Tensor

HEAD_BYTES = 4
Raw = bytes | bytearray | memoryview


def tensor_part(name: str, datatype: str, shape: Iterable[int], raw: Any) -> Part:
    """The part of an input; BYTES as they travel."""
    return Part(name, f"{datatype};{','.join(map(str, shape))}", raw)


def tensor_row(request: Input) -> dict[str, Any]:
    """The row that the handler sees of such a request."""
    row = {part.name: _array_of(part) for part in request.parts}
    return row if len(row) > 1 else {"body": next(iter(row.values())), **row}


def encode_tensors(value: Any) -> bytes:
    """An answer as bytes; raises BadOutput for what is no array and cannot become one."""
    named = value.items() if isinstance(value, dict) else [("", value)]
    try:
        tensors = [_tensor_of(str(name), each) for name, each in named]
    except (TypeError, ValueError, RuntimeError) as error:
        cause = f"A request of tensors is answered with an array, or with a dict of arrays by their names ({error})."
        raise BadOutput("The model's answer is no tensor.", cause) from error
    pieces = [tensor.raw for tensor in tensors]
    described = [[tensor.name, tensor.datatype.name, tensor.shape, memoryview(tensor.raw).nbytes] for tensor in tensors]
    head = orjson.dumps(described)
    return b"".join((len(head).to_bytes(HEAD_BYTES), head, *pieces))


def decode_tensors(body: Raw) -> Iterator[Any]:
    """The tensors of an answer."""
    view = memoryview(body)
    at = HEAD_BYTES + int.from_bytes(view[:HEAD_BYTES])
    for name, datatype, shape, size in orjson.loads(view[HEAD_BYTES:at]):
        yield Tensor(name, BY_NAME[datatype], shape, raw=view[at : at + size])
        at += size


def _array_of(part: Part) -> Any:
    datatype, shape = part.content_type.split(";")
    sizes = [int(size) for size in shape.split(",") if size]
    return Tensor(part.name, BY_NAME[datatype], sizes, raw=part.value).array


def _tensor_of(name: str, value: Any) -> Any:
    array = np.asarray(value.detach().cpu() if hasattr(value, "detach") else value)
    datatype = datatype_of(array.dtype)
    if datatype is None:
        raise TypeError(f"no tensor has elements of the type {array.dtype}")
    if datatype is BYTES:
        if array.dtype.kind == "O" and not all(isinstance(element, str | bytes) for element in array.flat):
            raise TypeError("its elements are neither numbers nor strings, or its rows differ in length")
        array = as_bytes(array)
    return Tensor.of_array(name, datatype, array)
