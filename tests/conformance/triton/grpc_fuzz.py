"""Tensors that lie, over gRPC, by a seed: `python -m tests.conformance.triton.grpc_fuzz HOST:PORT COUNT`.

The model `add_sub` of the recordings is asked. A request is answered, or refused as the client's mistake: INTERNAL and
UNKNOWN would be the server's. Some messages are cut off, or have bytes that are no message's.
"""

import random
import sys
from collections import Counter
from typing import Any

import grpc

from app.grpc.triton.raw_contents import Request

HONESTY = 0.9
"""The probability of each part of a tensor to be as it should."""
METHOD = "/inference.GRPCInferenceService/ModelInfer"
DATATYPES = ("INT32", "FP16", "BYTES", "BOOL", "BF16", "FP99", "", "fp32")
SIZES = (0, 1, 1, 2, 3, 4, 8, 9, -1, 2**31, 2**63 - 1, -(2**63))
CONTENTS = ("bool_contents", "int_contents", "int64_contents", "uint_contents", "fp32_contents", "fp64_contents")
FAULTS = (grpc.StatusCode.INTERNAL, grpc.StatusCode.UNKNOWN, grpc.StatusCode.DEADLINE_EXCEEDED)
NO_MESSAGE = "DecodeError"
"""The word with which gRPC's own library refuses what is no message, as UNKNOWN."""


def case(seed: int) -> bytes:
    """A message that is wrong in some way, or by chance in none."""
    chance = random.Random(seed)
    request = Request(model_name=_or(chance, "add_sub", ("none", "", "\0")))
    request.model_version = _or(chance, "", ("1", "9", "x", "-1", str(2**70)))
    for name in _or(chance, ("INPUT0", "INPUT1"), (("INPUT0",), ("INPUT0", "INPUT0"), ("INPUT0", "none"), ())):
        _add_tensor(chance, request, name)
    for name in _or(chance, (), (("OUTPUT0",), ("none",), ("OUTPUT0", "OUTPUT0"))):
        request.outputs.add(name=name).parameters["classification"].int64_param = chance.choice((0, 1, -1, 9))
    if chance.random() > HONESTY:
        name = chance.choice(("sequence_id", "priority", "timeout", "binary_data", "triton_x", "own"))
        parameter = request.parameters[name]
        field, value = chance.choice((("int64_param", -1), ("string_param", "x"), ("bool_param", True)))
        setattr(parameter, field, value)
    data: bytes = request.SerializeToString()
    return _or(chance, data, (data[: chance.randrange(len(data) + 1)], chance.randbytes(9), data + b"\x3a\xff\xff\xff"))


def _or(chance: random.Random, honest: Any, wrong: Any) -> Any:
    return honest if chance.random() < HONESTY else chance.choice(wrong)


def _add_tensor(chance: random.Random, request: Any, name: str) -> None:
    shape = _or(chance, [1, 4], [[chance.choice(SIZES) for _ in range(chance.randrange(4))]])
    tensor = request.inputs.add(name=name, datatype=_or(chance, "FP32", DATATYPES), shape=shape)
    if chance.random() > HONESTY:
        tensor.parameters["shared_memory_region"].string_param = chance.choice(("none", ""))
    if chance.random() < 0.5:
        field = _or(chance, "fp32_contents", CONTENTS)
        getattr(tensor.contents, field).extend([1] * _or(chance, 4, (0, 1, 5)))
    else:
        request.raw_input_contents.append(bytes(_or(chance, 16, (0, 1, 15, 17, 40))))


def play(address: str, seeds: range) -> tuple[Counter[str], list[str]]:
    """Send the cases; returns how often each code came, and the answers that must not be."""
    codes: Counter[str] = Counter()
    wrong = []
    with grpc.insecure_channel(address, (("grpc.enable_http_proxy", 0),)) as channel:
        call = channel.unary_unary(METHOD)
        for seed in seeds:
            try:
                call(case(seed), timeout=30)
                codes["OK"] += 1
            except grpc.RpcError as error:
                codes[error.code().name] += 1
                if error.code() in FAULTS and NO_MESSAGE not in error.details():
                    wrong.append(f"seed {seed}: {error.code().name} {error.details()[:300]}")
    return codes, wrong


if __name__ == "__main__":
    found, failures = play(sys.argv[1], range(int(sys.argv[2])))
    print(dict(found), *failures[:20], sep="\n")
    sys.exit(bool(failures))
