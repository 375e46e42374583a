"""Returns one result of the kind that the client names."""

import torch


def numbers():
    return torch.arange(6.0).reshape(2, 3)


MAKERS = {
    "str": lambda ask: "plain text",
    "unicode": lambda ask: "h\u00e9llo \u2603 \U0001f600",
    "bytes": lambda ask: b"\x00\x01raw\xff",
    "bytearray": lambda ask: bytearray(b"raw bytearray"),
    "dict": lambda ask: {"b": 1, "a": [1, 2.5, None, True], "c": {"d": "e"}},
    "empty_dict": lambda ask: {},
    "list": lambda ask: [1, "two", 3.0],
    "nested_list": lambda ask: [[1, 2], [3, 4]],
    "int": lambda ask: 7,
    "float": lambda ask: 0.1,
    "small_float": lambda ask: 0.0000001,
    "none": lambda ask: None,
    "true": lambda ask: True,
    "tuple": lambda ask: (1, 2, "x"),
    "json_str": lambda ask: '{"already": "json"}',
    "tensor": lambda ask: numbers(),
    "tensor_list": lambda ask: numbers().tolist(),
    "tensor_in_dict": lambda ask: {"t": numbers()},
    "set": lambda ask: {1, 2},
    "object": lambda ask: object(),
    "large": lambda ask: "y" * ask["size"],
}


class Results:
    def initialize(self, context):
        pass

    def handle(self, data, context):
        return [MAKERS[row["body"]["kind"]](row["body"]) for row in data]
