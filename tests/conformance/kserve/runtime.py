"""A runtime as KServe starts it, with other ports, and the two clients of the recording."""

import http.client
import json
import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import grpc
from google.protobuf.json_format import MessageToDict, ParseDict

from app.grpc.messages import POOL, TRITON, message
from tests.conformance.kserve.comparison import normalized
from tests.conformance.kserve.handlers import lay_out
from tests.support.free_ports import free_ports

SERVICE = f"{TRITON}.GRPCInferenceService"
START_SECONDS = 60
TIMEOUT_SECONDS = 20
NAMES = ("kserve", "kserve_grpc", "inference", "metrics", "grpc", "grpc_management")
KEPT_HEADERS = ("content-type", "location", "allow", "retry-after")


@contextmanager
def runtime(profile: str, folder: Path) -> Iterator[dict[str, int]]:
    """The ports of a runtime whose KServe port is open."""
    ports = dict(zip(NAMES, free_ports(len(NAMES)), strict=True))
    lay_out(folder, ports)
    environ = {
        **os.environ, "TMPDIR": str(folder), "PROTOCOL_VERSION": profile,
        "TS_SERVICE_ENVELOPE": "kserve" if profile == "v1" else "kservev2",
        "MARSERVE_KSERVE_ADDRESS": f"http://127.0.0.1:{ports['kserve']}",
        "MARSERVE_GRPC_KSERVE_ADDRESS": "127.0.0.1", "MARSERVE_GRPC_KSERVE_PORT": str(ports["kserve_grpc"]),
    }  # fmt: skip
    command = [
        str(Path(sys.executable).with_name("torchserve")), "--foreground", "--start",
        f"--model-store={folder}/model-store", f"--ts-config={folder}/config/config.properties",
        "--disable-token-auth", "--enable-model-api",
    ]  # fmt: skip
    with (folder / "output").open("wb") as output:
        process = subprocess.Popen(command, cwd=folder, env=environ, stdout=output, stderr=output)
        try:
            _wait_until_open(ports["kserve"], process, folder / "output")
            yield ports
        finally:
            process.terminate()
            assert process.wait(30) == 0


def ask(case: dict[str, Any], ports: dict[str, int]) -> dict[str, Any]:
    """The answer to the request of a case."""
    return _call(case, ports["kserve_grpc"]) if "call" in case else _request(case, ports["kserve"])


def _wait_until_open(port: int, process: "subprocess.Popen[bytes]", output: Path) -> None:
    deadline = time.monotonic() + START_SECONDS
    while True:
        try:
            socket.create_connection(("127.0.0.1", port), timeout=1).close()
        except OSError:
            if process.poll() is not None or time.monotonic() > deadline:
                raise AssertionError(output.read_text()[-4000:]) from None
            time.sleep(0.05)
        else:
            return


def _request(case: dict[str, Any], port: int) -> dict[str, Any]:
    method, path = case["request"]
    body = case.get("body")
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=TIMEOUT_SECONDS)
    try:
        text = body if isinstance(body, str) or body is None else json.dumps(body)
        connection.request(method, path, text and text.encode(), case.get("headers", {}))
        response = connection.getresponse()
        raw = response.read()
    finally:
        connection.close()
    headers = {name.lower(): normalized(value) for name, value in response.getheaders()}
    kept = {name: value for name, value in headers.items() if name in KEPT_HEADERS or name.startswith("ce-")}
    found: dict[str, Any] = {"status": response.status, "headers": kept}
    try:
        found["json"] = normalized(json.loads(raw))
    except ValueError:
        found["text"] = raw.decode("utf-8", "replace")
    return found


def _call(case: dict[str, Any], port: int) -> dict[str, Any]:
    method = next(each for each in POOL.FindServiceByName(SERVICE).methods if each.name == case["call"])
    asked, answered = (message(TRITON, each.name) for each in (method.input_type, method.output_type))
    with grpc.insecure_channel(f"127.0.0.1:{port}", options=(("grpc.enable_http_proxy", 0),)) as channel:
        call = channel.unary_unary(f"/{SERVICE}/{method.name}", asked.SerializeToString, answered.FromString)
        try:
            response = call(ParseDict(case["message"], asked()), timeout=TIMEOUT_SECONDS)
        except grpc.RpcError as error:
            return {"code": error.code().name, "details": error.details()}
    return {"code": "OK", "message": normalized(_numbers(MessageToDict(response, preserving_proto_field_name=True)))}


def _numbers(value: Any, name: str = "") -> Any:
    """JSON of protobuf without its strings for integers of 64 bits."""
    if isinstance(value, dict):
        return {key: _numbers(each, key) for key, each in value.items()}
    if isinstance(value, list):
        is_integer = name in ("shape", "int64_contents", "uint64_contents")
        return [int(each) if is_integer else _numbers(each) for each in value]
    return value
