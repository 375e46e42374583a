"""Steps over gRPC."""

from typing import Any

import grpc
from google.protobuf import json_format

from app.grpc.messages import TRITON, message
from tests.conformance.triton.forms import Forms, in_order, with_values
from tests.conformance.triton.recording import Answer, Step
from tests.support.grpc_client import TritonStub

HEALTH = {b"": "UNKNOWN", b"\x08\x01": "SERVING", b"\x08\x02": "NOT_SERVING", b"\x08\x03": "SERVICE_UNKNOWN"}
"""The answers of the health service: its messages have one field."""


class GrpcSteps:
    """Calls of a server's gRPC port."""

    def __init__(self, port: int, forms: Forms) -> None:
        self._port = port
        self._forms = forms

    def play(self, step: Step) -> Answer:
        """The answer of one step."""
        options = [("grpc.enable_retries", 0), ("grpc.use_local_subchannel_pool", 1)]
        with grpc.insecure_channel(f"127.0.0.1:{self._port}", options) as channel:
            try:
                if step["grpc"].startswith("Health/"):
                    return self._health(channel, step)
                return self._call(TritonStub(channel), step)
            except grpc.RpcError as error:
                if error.code() == grpc.StatusCode.DEADLINE_EXCEEDED:  # the details are the client's own
                    return {"code": error.code().name}
                return {"code": error.code().name, "message": self._forms.text(error.details() or "")}

    def _call(self, stub: TritonStub, step: Step) -> Answer:
        method, options = step["grpc"], {"metadata": list(step.get("metadata", {}).items())}
        options["timeout"] = step.get("timeout", 60)
        if method == "ModelStreamInfer":
            requests = [_request("ModelInfer", values) for values in step["requests"]]
            answers = [_values(each) for each in stub.ModelStreamInfer(iter(requests), **options)]
            return {"code": "OK", "responses": self._forms.value(in_order(answers) if step.get("sorted") else answers)}
        response = getattr(stub, method)(_request(method, step.get("request", {})), **options)
        return {"code": "OK", "response": self._forms.value(_values(response))}

    def _health(self, channel: grpc.Channel, step: Step) -> Answer:
        service = step.get("service", "").encode()
        call = channel.unary_unary(f"/grpc.health.v1.{step['grpc']}")
        raw = call(b"\x0a" + bytes([len(service)]) + service if service else b"", timeout=10)
        return {"code": "OK", "response": {"status": HEALTH[raw]}}


def _request(method: str, values: dict[str, Any]) -> Any:
    """A request; `raw` stands for its raw contents."""
    given = {"raw_input_contents" if name == "raw" else name: value for name, value in values.items()}
    return json_format.ParseDict(given, message(TRITON, f"{method}Request")())


def _values(response: Any) -> dict[str, Any]:
    return with_values(json_format.MessageToDict(response, preserving_proto_field_name=True))
