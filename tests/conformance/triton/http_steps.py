"""Steps over HTTP."""

import base64
import gzip
import http.client
import json
import zlib
from collections.abc import Mapping
from typing import Any

from tests.conformance.triton.forms import Forms, metrics
from tests.conformance.triton.recording import Answer, Step

HEADERS = (
    "content-type", "content-encoding", "inference-header-content-length", "transfer-encoding", "allow",
)  # fmt: skip
DECODERS = {"gzip": gzip.decompress, "deflate": zlib.decompress}


class HttpSteps:
    """Requests to the ports of a server, each on a connection of its own."""

    def __init__(self, ports: Mapping[str, int], forms: Forms) -> None:
        self._ports = ports
        self._forms = forms

    def play(self, step: Step) -> Answer:
        """The answer of one step."""
        body, extra = encoded(step)
        try:
            answer, content = self._exchange(step, body, {**extra, **step.get("headers", {})})
        except TimeoutError:
            if step.get("mode") != "abandon":
                raise
            return {"abandoned": True}
        if step.get("mode") == "status":
            return {"status": answer["status"]}
        decode = DECODERS.get(answer["headers"].get("content-encoding", ""))
        return self._described(step, answer, decode(content) if decode else content)

    def _exchange(self, step: Step, body: bytes, headers: Mapping[str, str]) -> tuple[Answer, bytes]:
        port = self._ports[step.get("port", "http")]
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=step.get("timeout", 60))
        try:
            connection.request(step["http"], step["path"], body, headers)
            response = connection.getresponse()
            content = response.read()
            kept = {name: response.headers[name] for name in HEADERS if response.headers.get(name) is not None}
            return {"status": response.status, "headers": kept}, content
        finally:
            connection.close()

    def _described(self, step: Step, answer: Answer, content: bytes) -> Answer:
        size = answer["headers"].get("inference-header-content-length")
        if size is not None:
            answer["json"] = self._forms.value(json.loads(content[: int(size)]))
            answer["base64"] = base64.b64encode(content[int(size) :]).decode()
            if step.get("mode") == "no_length":
                del answer["headers"]["inference-header-content-length"]
            return answer
        text = content.decode("utf-8", "replace")
        if step.get("mode") == "metrics":
            return {"status": answer["status"], "metrics": metrics(text, step)}
        if step.get("mode") == "events":
            return {**answer, "events": [self._event(line) for line in text.split("\n\n") if line]}
        return {**answer, **self._parsed(text, "json")}

    def _event(self, text: str) -> Answer:
        return self._parsed(text[6:], "data") if text.startswith("data: ") else {"text": self._forms.text(text)}

    def _parsed(self, text: str, name: str) -> dict[str, Any]:
        try:
            return {name: self._forms.value(json.loads(text))}
        except ValueError:
            return {"text": self._forms.text(text)}


def encoded(step: Step) -> tuple[bytes, dict[str, str]]:
    """The body of a step, and the headers that it needs."""
    headers = {}
    if "json" in step:
        body = json.dumps(step["json"]).encode()
    elif "text" in step:
        body = step["text"].encode()
    else:
        body = base64.b64decode(step.get("base64", ""))
    if "binary" in step:
        headers["Inference-Header-Content-Length"] = str(len(body))
        body += b"".join(map(base64.b64decode, step["binary"]))
    if "compress" in step:
        headers["Content-Encoding"] = step["compress"]
        body = gzip.compress(body, mtime=0) if step["compress"] == "gzip" else zlib.compress(body)
    return body, headers
