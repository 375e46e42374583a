"""Archives that declare their tensors, as models for clients of tensors: each row is a request to the handler."""

import asyncio
from collections.abc import Callable, Iterable, Sequence
from functools import partial
from time import perf_counter_ns
from typing import Any
from uuid import uuid4

import numpy as np

from handler.errors import HandlerError, PredictionRefused
from handler.job import Input, Output
from handler.tensors.archives.declaration import OF_MODEL, TensorDeclaration
from handler.tensors.archives.rows import decode_tensors, tensor_part
from handler.tensors.backends.onnx_model import OnnxDescription
from handler.tensors.datatypes import BY_NAME, BYTES
from handler.tensors.errors import Code, TensorError
from handler.tensors.requests import TensorRequest, TensorResponse
from handler.tensors.signature import ANY, Signature, TensorSpec
from handler.tensors.spec import OnResponse
from handler.tensors.statistics import ComputeTimes, Failure, RequestTimes, Statistics
from handler.tensors.tensor import Tensor
from model_registry.archive.archive import Archive
from model_registry.config import ModelConfig
from model_registry.errors import RegistryError
from model_registry.reply import PendingReply
from model_registry.tensors.tensor_version import TensorModel
from model_registry.version import ModelVersion

CODES = {400: Code.INVALID_ARG, 404: Code.NOT_FOUND, 429: Code.UNAVAILABLE, 503: Code.UNAVAILABLE}
Headers = Iterable[tuple[str, str]]


async def archive_tensors(version: ModelVersion, headers: Headers = ()) -> "ArchiveTensors | None":
    """The version for clients of tensors; None for an archive that declares none. Raises TensorError."""
    if version.config.tensors is None:
        return None
    if version.tensors is None:
        signature = await asyncio.to_thread(signature_of, version.archive, version.config)
        version.tensors = TensorModel(
            version.name, version.version, None, signature, Statistics(), is_decoupled=False, archive=version.archive
        )
    return ArchiveTensors(version, version.tensors, headers)


def signature_of(archive: Archive, config: ModelConfig) -> Signature:
    """The tensors of an archive, which may be those of its ONNX model; blocks. Raises TensorError."""
    name, declared = str(archive.manifest.model_name), config.tensors
    if isinstance(declared, TensorDeclaration):
        is_batched = declared.is_batched
        groups = [
            [TensorSpec(each.name, BY_NAME[each.datatype], each.shape) for each in group]
            for group in (declared.inputs, declared.outputs)
        ]
    else:
        groups = _of_onnx(archive, name)
        is_batched = all(spec.dims[:1] in ((ANY,), (1,)) for group in groups for spec in group)
    if is_batched:
        groups = [[spec._replace(dims=spec.dims[1:]) for spec in group] for group in groups]
    return Signature(name, max(1, config.job_queue_size) if is_batched else 0, *groups)


def _of_onnx(archive: Archive, name: str) -> list[list[TensorSpec]]:
    file = archive.manifest.serialized_file
    if file is None or not file.endswith(".onnx"):
        raise TensorError(
            f"model '{name}' has the key `tensors: {OF_MODEL}` in its model-config.yaml, but no ONNX model: list "
            "inputs and outputs there",
            Code.UNAVAILABLE,
        )
    groups = []
    for group in OnnxDescription.of_file(archive.folder / file):
        unknown = [tensor.name for tensor in group if tensor.datatype is None]
        if unknown:
            raise TensorError(f"no datatype fits tensor '{unknown[0]}' of model '{name}'", Code.UNAVAILABLE)
        groups.append([TensorSpec(each.name, each.datatype, each.shape) for each in group if each.datatype])
    return groups


class ArchiveTensors:
    """One version of an archive; `headers` are those of the request that it is asked with."""

    def __init__(self, version: ModelVersion, model: TensorModel, headers: Headers) -> None:
        self.name, self.version = version.name, version.version
        self.model = model
        self._version = version
        self._headers = headers

    def __repr__(self) -> str:
        return f"<ArchiveTensors of {self._version!r}>"

    def submit_tensors(self, request: TensorRequest, on_response: OnResponse) -> "ArchiveRequest":
        """Accept a request; its response comes to the function, on the event loop. Raises TensorError."""
        checked = self.model.signature.check(request)
        pending = ArchiveRequest(self.model, checked, on_response)
        pending.start(self._version.submit, self._headers)
        return pending


class ArchiveRequest:
    """A request whose rows the handler answers one by one, in whatever batches."""

    def __init__(self, model: TensorModel, request: TensorRequest, on_response: OnResponse) -> None:
        self._model = model
        self._request = request
        self._on_response = on_response
        self._replies: list[PendingReply] = []
        self._outcomes: list[Any] = []
        self._remaining = 0
        self._started = perf_counter_ns()
        self._is_cancelled = False

    def __repr__(self) -> str:
        return f"<ArchiveRequest to {self._model.name}, {self._remaining} rows remaining>"

    def start(self, submit: Callable[[Input, str], PendingReply], headers: Headers) -> None:
        """Submit all rows; raises TensorError."""
        rows, request_id = [*self._rows()], self._request.id or str(uuid4())
        self._remaining, self._outcomes = len(rows), [None] * len(rows)
        try:
            for parts in rows:
                self._replies.append(submit(Input(parts, headers, has_tensors=True), request_id))
        except RegistryError as error:
            self.cancel()
            self._model.statistics.count_refused(Failure.REJECTED)
            raise TensorError(str(error), Code.UNAVAILABLE) from error
        for index, reply in enumerate(self._replies):
            reply.set_callback(partial(self._receive, index))

    def cancel(self) -> None:
        """The client has disconnected."""
        self._is_cancelled = True
        for reply in self._replies:
            reply.detach()

    abandon = cancel

    def _rows(self) -> Iterable[tuple[Any, ...]]:
        tensors = self._request.inputs
        if not self._model.signature.max_batch_size:
            yield tuple(tensor_part(each.name, each.datatype.name, each.shape, each.raw) for each in tensors)
            return
        sliced = [[*_slices(tensor, self._request.rows)] for tensor in tensors]
        yield from zip(*sliced, strict=True)

    def _receive(self, index: int, outcome: Any) -> None:
        self._outcomes[index] = outcome
        self._remaining -= 1
        if self._remaining or self._is_cancelled:
            return
        try:
            response = TensorResponse(self._outputs([_tensors(each) for each in self._outcomes]))
        except TensorError as error:
            response = TensorResponse(error=error)
        self._count(response.error)
        self._on_response(response, True)

    def _outputs(self, rows: Sequence[dict[str, Tensor]]) -> list[Tensor]:
        specs = self._model.signature.outputs
        found = [_named(row, specs) for row in rows]
        return [_joined(specs[name], [row[name] for row in found], self._model) for name in self._request.outputs]

    def _count(self, error: TensorError | None) -> None:
        total, statistics = perf_counter_ns() - self._started, self._model.statistics
        if error is not None:
            statistics.count_failure(Failure.OTHER, total)
            return
        # Rows are computed in batches that they share with others: all of the time counts as computing.
        statistics.count_execution([RequestTimes(1, total)], self._request.rows, ComputeTimes(1, total, 1))


def _slices(tensor: Tensor, rows: int) -> Iterable[Any]:
    """The parts of the rows of a tensor; views, except of BYTES."""
    shape, name, kind = tensor.shape[1:], tensor.name, tensor.datatype
    if kind is BYTES:
        for row in tensor.array:
            yield tensor_part(name, kind.name, shape, Tensor.of_array(name, kind, np.asarray(row, object)).raw)
        return
    raw = memoryview(tensor.raw)
    step = raw.nbytes // rows
    for index in range(rows):
        yield tensor_part(name, kind.name, shape, raw[index * step : (index + 1) * step])


def _tensors(outcome: Any) -> dict[str, Tensor]:
    """The tensors of an outcome; raises TensorError for any other."""
    if isinstance(outcome, TensorError):
        raise outcome
    if isinstance(outcome, PredictionRefused):
        raise TensorError(str(outcome.message), CODES.get(outcome.code, Code.INTERNAL), is_late=True)
    if isinstance(outcome, HandlerError | RegistryError):
        raise TensorError(str(outcome), Code.INTERNAL, is_late=True)
    if not isinstance(outcome, Output):
        raise TensorError("the handler answers with a stream, which is no tensor", Code.UNSUPPORTED, is_late=True)
    if outcome.status >= min(CODES):
        text = f"the handler answered with the status {outcome.status}"
        raise TensorError(text, CODES.get(outcome.status, Code.INTERNAL), is_late=True)
    return {tensor.name: tensor for tensor in decode_tensors(outcome.body)}


def _named(row: dict[str, Tensor], specs: Any) -> dict[str, Tensor]:
    """The tensors by the names of the outputs: an array without a name is the only one."""
    named = dict(zip(specs, row.values(), strict=False)) if "" in row and len(specs) == 1 else row
    missing = [name for name in specs if name not in named]
    if missing:
        raise TensorError(
            f"the handler gave no output '{missing[0]}', which its model-config.yaml declares", Code.INTERNAL,
            is_late=True,
        )  # fmt: skip
    return named


def _joined(spec: TensorSpec, rows: Sequence[Tensor], model: TensorModel) -> Tensor:
    """An output of all rows in its declared type; raises TensorError for what does not fit."""
    arrays = [tensor.array for tensor in rows]
    if any(not _fits(array, spec) for array in arrays) or len({array.shape for array in arrays}) > 1:
        given = ", ".join(sorted({f"{tensor.datatype.name}{[*tensor.shape]}" for tensor in rows}))
        raise TensorError(
            f"output '{spec.name}' of model '{model.name}' is declared as {spec.datatype.name}{[*spec.dims]} a row, "
            f"but the handler gave {given}",
            Code.INTERNAL, is_late=True,
        )  # fmt: skip
    if not model.signature.max_batch_size:
        whole = arrays[0]
    else:
        whole = arrays[0][np.newaxis] if len(arrays) == 1 else np.stack(arrays)
    return Tensor.of_array(spec.name, spec.datatype, whole.astype(spec.datatype.dtype, copy=False))


def _fits(array: Any, spec: TensorSpec) -> bool:
    shape = len(array.shape) == len(spec.dims) and all(
        size in (ANY, own) for size, own in zip(spec.dims, array.shape, strict=True)
    )
    return shape and (array.dtype.kind == "O") == (spec.datatype is BYTES)
