"""The comparable forms of answers: without paths, frames of tracebacks and times."""

import base64
import json
import re
from collections.abc import Mapping
from typing import Any

import numpy as np

from handler.tensors.datatypes import BF16, BY_NAME, BYTES
from handler.tensors.strings import decode_strings
from tests.conformance.triton.recording import Answer, Step

RULES = [
    (r"\n\nAt:\n(?:  [^\n]*\n?)+", "\n\nAt:\n  <frames>\n"),
    (r"127\.0\.0\.1:\d+", "127.0.0.1:<port>"),
]
TIMES = ("ns", "last_inference")
"""Numbers that count as some or none."""
NAMES = re.compile(r"\['[^\]]*'\]")
"""Sets of names, which come in any order."""
SAMPLE = re.compile(r"^(?:# (HELP|TYPE) )?([A-Za-z_:][\w:]*)(\{.*\})? (.+)$")


class Forms:
    """Hides what differs from run to run, among it the paths of the server."""

    def __init__(self, places: Mapping[str, str]) -> None:
        self._paths = sorted(((places[name], name) for name in ("repository", "root")), key=lambda pair: -len(pair[0]))

    def text(self, text: str) -> str:
        """A text."""
        for path, name in self._paths:
            text = text.replace(path, f"{{{name}}}")
        for pattern, replacement in RULES:
            text = re.sub(pattern, replacement, text)
        return NAMES.sub(lambda found: f"[{','.join(sorted(found[0][1:-1].split(',')))}]", text)

    def value(self, value: Any) -> Any:
        """A value of JSON."""
        if isinstance(value, str):
            return self.text(value)
        if isinstance(value, list):
            return [self.value(each) for each in value]
        if isinstance(value, dict):
            return {key: _some(each) if key in TIMES else self.value(each) for key, each in value.items()}
        return value


def _some(number: Any) -> Any:
    """0 or 1, in the type of the number: gRPC's JSON writes 64 bits as a string."""
    return type(number)(1 if int(number) else 0)


def with_values(response: dict[str, Any]) -> dict[str, Any]:
    """A response of gRPC with readable values beside its tensors, instead of its raw contents."""
    inner = response.get("infer_response", response)
    raws = inner.pop("raw_output_contents", ())
    for output, raw in zip(inner.get("outputs", ()), raws, strict=False):
        output["raw"] = _elements(output.get("datatype"), base64.b64decode(raw))
    return response


def _elements(name: str, raw: bytes) -> Any:
    datatype = BY_NAME[name]
    if datatype is BYTES:
        return [element.decode("utf-8", "backslashreplace") for element in decode_strings(raw)]
    return raw.hex() if datatype is BF16 else np.frombuffer(raw, datatype.dtype).tolist()


def sorted_outputs(answer: Answer) -> Answer:
    """An answer with the outputs of an ensemble, which come in no particular order, by their names."""
    for response in (answer.get("json"), answer.get("response"), *answer.get("responses", ())):
        inner = (response or {}).get("infer_response", response)
        if isinstance(inner, dict) and "outputs" in inner:
            inner["outputs"].sort(key=lambda output: output["name"])
    return answer


def in_order(values: list[Any]) -> list[Any]:
    """Values in the order of their JSON."""
    return sorted(values, key=lambda value: json.dumps(value, sort_keys=True))


def metrics(text: str, step: Step) -> dict[str, Any]:
    """Samples by name and labels: those of `names`; of those that are not in `values` only that they are there."""
    found: dict[str, Any] = {}
    for kind, name, labels, value in filter(None, map(_sample, text.splitlines())):
        if not any(name.startswith(wanted) for wanted in step["names"]):
            continue
        if kind:
            found[f"{kind} {name}"] = value
        else:
            inside = ",".join(sorted(re.findall(r'\w+="[^"]*"', labels)))
            found[f"{name}{{{inside}}}"] = float(value) if name in step.get("values", ()) else "<v>"
    return found


def _sample(line: str) -> tuple[str, str, str, str] | None:
    match = SAMPLE.match(line)
    return (match[1] or "", match[2], match[3] or "", match[4]) if match else None
