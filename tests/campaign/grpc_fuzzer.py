"""The fuzzer of gRPC: mutated messages to every method, and bytes that are no HTTP/2 to its port."""

import socket
from collections.abc import Iterator
from random import Random

import grpc

from app.grpc.messages import CLASSES, INFERENCE, MANAGEMENT, OPEN_INFERENCE, methods
from tests.campaign.fuzzers import Fuzzer
from tests.campaign.target import ANSWER_SECONDS, KEEPS, Target

SERVICES = (
    f"{INFERENCE}.InferenceAPIsService",
    f"{MANAGEMENT}.ManagementAPIsService",
    f"{OPEN_INFERENCE}.GRPCInferenceService",
)
EXPECTED = {
    grpc.StatusCode.OK, grpc.StatusCode.CANCELLED, grpc.StatusCode.UNKNOWN, grpc.StatusCode.INVALID_ARGUMENT,
    grpc.StatusCode.NOT_FOUND, grpc.StatusCode.ALREADY_EXISTS, grpc.StatusCode.PERMISSION_DENIED,
    grpc.StatusCode.RESOURCE_EXHAUSTED, grpc.StatusCode.FAILED_PRECONDITION, grpc.StatusCode.ABORTED,
    grpc.StatusCode.OUT_OF_RANGE, grpc.StatusCode.UNIMPLEMENTED, grpc.StatusCode.INTERNAL,
}  # fmt: skip
"""Answers to a hostile message; a call that is never answered ends otherwise."""
FIELDS = {"model_name": "backwards", "model_version": "1.0", "url": "none.mar", "limit": 2, "min_worker": 0}
MANAGING = ("Unregister", "Scale", "SetDefault")
"""Beginnings of methods that might change the models that are to serve."""


def inputs() -> tuple[bytes, ...]:
    """A path and a message for each method, with some fields filled in."""
    made = []
    for service in SERVICES:
        for method in methods(service):
            message, is_managing = CLASSES[method.input_type.full_name](), method.name.startswith(MANAGING)
            for name, value in FIELDS.items():
                if name in message.DESCRIPTOR.fields_by_name:
                    setattr(message, name, "none" if is_managing and name == "model_name" else value)
            if "input" in message.DESCRIPTOR.fields_by_name:
                message.input["data"] = b"abc"
            kind = "stream" if method.server_streaming else "whole"
            made.append(f"{kind} /{service}/{method.name}\n".encode() + message.SerializeToString())
    return (*made, b"bytes PRI * HTTP/2.0\n\r\n\r\nSM\r\n\r\n\0\0\0\4\0\0\0\0\0")


def attack_grpc(target: Target, case: bytes) -> str:
    """Call the method that the first line names; "bytes" sends the rest as it is."""
    line, _, message = case.partition(b"\n")
    kind, _, path = line.partition(b" ")
    if kind not in (b"whole", b"stream") or not path.startswith(b"/") or not path.isascii():
        return _send(target, case.partition(b" ")[2])
    with grpc.insecure_channel(f"127.0.0.1:{target.grpc_port}", [("grpc.enable_http_proxy", 0)]) as channel:
        try:
            if kind == b"whole":
                channel.unary_unary(path.decode())(message, timeout=ANSWER_SECONDS)
            else:
                for _ in channel.unary_stream(path.decode())(message, timeout=ANSWER_SECONDS):
                    pass
        except grpc.RpcError as error:
            is_answered = error.code() in EXPECTED or (error.code() is grpc.StatusCode.UNAVAILABLE and target.serves())
            return "" if is_answered else f"{error.code()}: {error.details()}"
        except (ValueError, UnicodeError):  # refused by the client itself
            return ""
    return ""


def _send(target: Target, content: bytes) -> str:
    """Send bytes to the port of gRPC; they may be answered, or not, but the port goes on answering."""
    with socket.create_connection(("127.0.0.1", target.grpc_port), ANSWER_SECONDS) as connection:
        connection.sendall(content)
    return ""


class GrpcFuzzer(Fuzzer):
    """Mutates the messages, and seldom the line that names the method."""

    def cases(self, random: Random) -> Iterator[bytes]:
        """Mutations without end."""
        for case in super().cases(random):
            head, _, message = case.partition(b"\n")
            if random.randrange(10):
                head = random.choice(self.inputs).partition(b"\n")[0]
            if any(name.encode() in head for name in MANAGING):
                message = message.replace(KEEPS[0].encode(), b"none")
            yield head + b"\n" + message


GRPC_FUZZER = GrpcFuzzer("grpc", inputs(), attack_grpc)
