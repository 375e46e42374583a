"""Predictions and explanations by KServe's two protocols."""

from collections.abc import Callable
from typing import Any, NamedTuple

import orjson
from anyio import to_thread
from starlette.requests import Request
from starlette.responses import Response

from app.api.inference import EXPLAIN, PREDICT, AddedHeaders
from app.api.kserve import cloud_events
from app.api.kserve.models import KServeModels
from app.api.kserve.request_bodies import check_first_protocol, parse_json, tensors_body
from app.api.kserve.responses import answering_errors
from app.http.request import HandlerHeaders
from app.http.responses import Headers, RawResponse, TorchServeResponse, output_response, prediction_response
from app.http.scope import header, header_lines, keeps_spelling
from app.model_server import ModelServer
from handler.job import Input, Output, Part
from model_registry.reply import ResponseStream

JSON_TYPE = "application/json"
HEADER_LENGTH = b"inference-header-content-length"
MAX_BYTES_ON_LOOP = 256 << 10
"""Longer bodies are parsed on a thread."""


class _Call(NamedTuple):
    """A prediction to make, and the form of its response."""

    body: bytes | bytearray
    event: str = ""
    """The mode of the event that asked for it: "binary", "structured", or none."""


@answering_errors
async def predict(request: Request) -> Response:
    """/v1/models/{name}:predict."""
    return await _first_protocol(request, PREDICT)


@answering_errors
async def explain(request: Request) -> Response:
    """/v1/models/{name}:explain."""
    return await _first_protocol(request, EXPLAIN)


@answering_errors
async def infer(request: Request) -> Response:
    """/v2/models/{name}/infer, and the same under a version."""
    return await _second_protocol(request, PREDICT)


@answering_errors
async def explain_tensors(request: Request) -> Response:
    """/v2/models/{name}/explain."""
    return await _second_protocol(request, EXPLAIN)


async def _first_protocol(request: Request, added: AddedHeaders) -> Response:
    server, name = ModelServer.of(request.scope), request.path_params["model_name"]
    KServeModels(server).check_ready(name)
    body, headers = await request.body(), dict(request.scope["headers"])
    envelope = server.settings.service_envelope
    call = await _off_loop(lambda: _read_call(body, headers, envelope), len(body))
    response = await _predict(request, call.body, added)
    if call.event == "structured":
        return _structured(response, name)
    return response.with_headers(cloud_events.binary_headers(name)) if call.event else response.made()


async def _second_protocol(request: Request, added: AddedHeaders) -> Response:
    server, parameters = ModelServer.of(request.scope), request.path_params
    KServeModels(server).check_ready(parameters["model_name"], parameters.get("model_version"))
    body, length = await request.body(), header(request.scope, HEADER_LENGTH)
    return (await _predict(request, await _off_loop(lambda: tensors_body(body, length), len(body)), added)).made()


def _read_call(body: bytes, headers: dict[bytes, bytes], envelope: str | None) -> _Call:
    value, event = parse_json(body), "binary" if cloud_events.is_binary(headers) else ""
    if cloud_events.is_structured(value):
        is_declared = headers.get(b"content-type", b"").startswith(cloud_events.STRUCTURED.encode())
        value, event = value["data"], "structured" if is_declared else ""
        body = orjson.dumps(value)
    check_first_protocol(value, envelope)
    return _Call(body, event)


class _Prediction(NamedTuple):
    """The outcome of a prediction, which is JSON unless the handler says otherwise."""

    outcome: Output | ResponseStream

    def made(self) -> Response:
        """The response."""
        return self.with_headers(())

    def with_headers(self, headers: Headers) -> Response:
        """The response with further headers, if it is whole."""
        if isinstance(self.outcome, ResponseStream):
            return prediction_response(self.outcome)
        raw = output_response(self.outcome)
        has_type = any(name.lower() == b"content-type" for name, _ in raw.headers)
        typed: Headers = () if has_type else ((b"content-type", JSON_TYPE.encode()),)
        return TorchServeResponse(raw._replace(headers=(*raw.headers, *typed, *headers)))


def _structured(response: _Prediction, model: str) -> Response:
    """The response as an event; what the handler streams or refuses is none."""
    outcome = response.outcome
    if isinstance(outcome, ResponseStream) or outcome.status != 200:
        return response.made()
    kind = ((b"content-type", cloud_events.STRUCTURED.encode()),)
    return TorchServeResponse(RawResponse(200, cloud_events.structured_body(model, outcome.body), kind))


async def _predict(request: Request, body: bytes | bytearray, added: AddedHeaders) -> _Prediction:
    parameters = request.path_params
    model = await ModelServer.of(request.scope).registry.find_model(parameters["model_name"])
    # as KServe's own server passes them on: names in lower case, and one type
    lines = [(name.lower(), value) for name, value in header_lines(request) if name.lower() != b"content-type"]
    headers = HandlerHeaders([*lines, (b"content-type", JSON_TYPE.encode())], added)
    given = Input((Part("body", JSON_TYPE, body),), headers, keeps_spelling(request.scope))
    client = request.client.host if request.client else None
    version = parameters.get("model_version")
    return _Prediction(await model.predict(given, request.state.request_id, version, client))


async def _off_loop(read: Callable[[], Any], size: int) -> Any:
    """The result of reading a body, on a thread if that may take long."""
    return read() if size <= MAX_BYTES_ON_LOOP else await to_thread.run_sync(read)
