"""Reads recorded scenarios, and expands their short form."""

import base64
import json
from dataclasses import dataclass
from http import HTTPStatus
from pathlib import Path
from typing import Any

from tests.conformance.answer import Answer, Outcome

Step = dict[str, Any]
RECORDED = Path(__file__).parent / "recorded"
NAMES = sorted(file.stem for file in RECORDED.glob("*.json"))

ON_EVERY_ANSWER = {
    "cache-control": "no-cache; no-store, must-revalidate, private",
    "expires": "Thu, 01 Jan 1970 00:00:00 UTC",
    "pragma": "no-cache",
    "x-request-id": "<uuid>",
}
READY_WORKER: dict[str, Any] = {
    "id": "<worker>", "startTime": "<time>", "status": "READY", "memoryUsage": 0, "pid": 0, "gpu": False,
    "gpuUsage": "<gpu>",
}  # fmt: skip
MODEL: dict[str, Any] = {
    "modelName": "", "modelVersion": "1.0", "modelUrl": "", "runtime": "python", "minWorkers": 1, "maxWorkers": 1,
    "batchSize": 1, "maxBatchDelay": 100, "responseTimeout": 120, "startupTimeout": 120, "maxRetryTimeoutInSec": 300,
    "clientTimeoutInMills": 0, "parallelType": "", "parallelLevel": 0, "deviceType": "cpu",
    "continuousBatching": False, "useJobTicket": False, "useVenv": False, "stateful": False, "sequenceMaxIdleMSec": 0,
    "sequenceTimeoutMSec": 0, "maxNumSequence": 0, "maxSequenceJobQueueSize": 0, "loadedAtStartup": False,
    "workers": 1, "jobQueueStatus": {"remainingCapacity": 100, "pendingRequests": 0},
}  # fmt: skip
"""A described model, in the order of its keys, as most of them are."""


@dataclass(frozen=True, slots=True)
class Scenario:
    """The start of a server, and the steps of a scenario."""

    about: str
    server: dict[str, Any]
    steps: list[Step]


def load(name: str) -> Scenario:
    """Read the scenario of that name."""
    return Scenario(**json.loads((RECORDED / f"{name}.json").read_text()))


def expand(short: dict[str, Any] | int | str) -> Outcome:
    """The recorded answer, with the usual headers and phrases that its short form leaves out."""
    if not isinstance(short, dict):
        return short
    by_server = "server" in short
    status = short["server"] if by_server else short["handler"]
    headers = _headers(status, by_server, short.get("headers", {}))
    return Answer(status, _reason(short, status, by_server), headers, tuple(_chunks(short, status, headers)))


def _reason(short: dict[str, Any], status: int, by_server: bool) -> str:
    if "reason" in short:
        return str(short["reason"])
    return HTTPStatus(status).phrase if by_server else ""


def _headers(status: int, by_server: bool, special: dict[str, str] | None) -> dict[str, str]:
    if special is None:
        return {}
    headers = {**ON_EVERY_ANSWER, "connection": "keep-alive" if status < 400 else "close"}
    if by_server:
        headers["content-type"] = "application/json"
    return headers | special


def _chunks(short: dict[str, Any], status: int, headers: dict[str, str]) -> list[str]:
    """The body, by the one of its keys that is there."""
    match short:
        case {"chunks": chunks}:
            return list(chunks)
        case {"text": text}:
            return [text]
        case {"lines": lines}:
            return ["\n".join(lines)]
        case {"repeated": [text, times]}:
            return [text * times]
        case {"base64": text}:
            return [base64.b64decode(text).decode(errors="surrogateescape")]
    end = "\n" if headers.get("content-type") == "application/json" else ""
    return [json.dumps(_document(short, status), indent=2) + end]


def _document(short: dict[str, Any], status: int) -> Any:
    match short:
        case {"error": [kind, message]}:
            return {"code": status, "type": kind, "message": message}
        case {"described": models}:
            return [_model(special) for special in models]
    return short["json"]


def _model(special: dict[str, Any]) -> dict[str, Any]:
    model = MODEL | special
    return model | {"workers": [READY_WORKER] * model["workers"]}
