"""Tensors whose shapes, types and lengths lie, by a seed: `python -m tests.conformance.triton.fuzz HOST:PORT COUNT`.

The model `add_sub` of the recordings is asked. No answer may be a 500 but those that Triton gives for broken JSON, and
the server has to answer an honest request afterwards.
"""

import http.client
import json
import random
import sys
from collections import Counter
from typing import Any, NamedTuple

HONESTY = 0.8
"""The probability of each part of a tensor to be as it should."""
DATATYPES = ("INT32", "FP16", "BYTES", "BOOL", "BF16", "FP99", "", 7, None)
SIZES = (0, 1, 1, 1, 2, 3, 4, 4, 8, 9, -1, 2**31, 2**63, 2**64, "4", None, 1.5)
NUMBERS = (0, 1, -1, 1.5, 1e39, True, "1", None, [], {}, 2**70)
LENGTHS = (0, 1, 15, 16, 17, 32, 33, -1, 2**40, "16", None)
PARSED_AS_500 = ("JSON", "attempt to", "Unable to parse", "unable to parse", "failed to parse", "must be", "non-")
"""Words of the errors with which Triton, too, answers 500."""


class Case(NamedTuple):
    """One request."""

    body: bytes
    header_length: str | None


def case(seed: int) -> Case:
    """A request that is wrong in some way, or by chance in none."""
    chance = random.Random(seed)
    inputs, tail = [], b""
    honest = ("INPUT0", "INPUT1")
    wrong = (("INPUT0",), ("INPUT0", "INPUT0"), ("INPUT0", "none"), ())
    for name in honest if chance.random() < HONESTY else chance.choice(wrong):
        tensor, raw = _tensor(chance, name)
        inputs.append(tensor)
        tail += raw
    request: Any = {
        "inputs": inputs,
        "outputs": [] if chance.random() < HONESTY else chance.choice(([{"name": "OUTPUT0"}], [{"name": "none"}], 3)),
    }
    if chance.random() < 0.1:
        request = chance.choice(([], 3, None, {"inputs": 3}, {"inputs": [3]}, {}))
    head = json.dumps(request).encode()
    if chance.random() < 0.1:
        head = head[: chance.randrange(len(head) + 1)]
    length = str(len(head)) if tail or chance.random() < 0.2 else None
    if chance.random() < 0.1:
        length = str(chance.choice((0, -1, len(head) - 1, len(head) + len(tail) + 1, 2**70, "x")))
    return Case(head + tail, length)


def _tensor(chance: random.Random, name: str) -> tuple[dict[str, Any], bytes]:
    shape: Any = [1, 4] if chance.random() < HONESTY else [chance.choice(SIZES) for _ in range(chance.randrange(4))]
    datatype = "FP32" if chance.random() < HONESTY else chance.choice(DATATYPES)
    tensor: dict[str, Any] = {"name": name, "shape": shape, "datatype": datatype}
    if chance.random() < 0.5:
        tensor["data"] = [1] * 4 if chance.random() < HONESTY else chance.choices(NUMBERS, k=chance.randrange(6))
        return tensor, b""
    tensor["parameters"] = {"binary_data_size": 16 if chance.random() < HONESTY else chance.choice(LENGTHS)}
    return tensor, chance.randbytes(16 if chance.random() < HONESTY else chance.randrange(40))


def play(address: str, seeds: range) -> tuple[Counter[int], list[str]]:
    """Send the cases; returns how often each status came, and the answers that must not be."""
    connection = http.client.HTTPConnection(address, timeout=60)
    statuses: Counter[int] = Counter()
    wrong = []
    for seed in seeds:
        asked = case(seed)
        headers = {} if asked.header_length is None else {"Inference-Header-Content-Length": asked.header_length}
        connection.request("POST", "/v2/models/add_sub/infer", asked.body, headers)
        response = connection.getresponse()
        body = response.read()
        statuses[response.status] += 1
        if response.status == 500 and not any(words in body.decode() for words in PARSED_AS_500):
            wrong.append(f"seed {seed}: {body[:300]!r}")
    connection.close()
    return statuses, wrong


if __name__ == "__main__":
    found, failures = play(sys.argv[1], range(int(sys.argv[2])))
    print(dict(found), *failures[:20], sep="\n")
    sys.exit(bool(failures))
