"""Fuzzers: each makes cases from seeds, puts them to a server, and judges the answers."""

import json
import zipfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path
from random import Random
from tempfile import TemporaryDirectory
from urllib.parse import quote

from app.settings.errors import ConfigurationError
from app.settings.loading import marserve_settings
from model_registry.parsing.lenient_json import loads
from tests.campaign.mutations import mutate
from tests.campaign.target import Target, pack

DEFECT = b"Internal server error;"
"""Part of the answer to an error that the server does not know."""
Attack = Callable[[Target, bytes], str]
"""Puts a case to a server; returns what is wrong with it, "" if nothing is."""


@dataclass(frozen=True)
class Fuzzer:
    """Valid inputs to mutate, and how a case is put to a server."""

    name: str
    inputs: tuple[bytes, ...]
    attack: Attack

    def cases(self, random: Random) -> Iterator[bytes]:
        """Mutations without end; now and then a valid input."""
        while True:
            content = random.choice(self.inputs)
            yield content if random.randrange(50) == 0 else mutate(random, content, self.inputs)


def request(head: str, body: bytes = b"") -> bytes:
    """A request whose head has lines for a type and a length where it has a body."""
    length = f"Content-Length: {len(body)}\r\n" if body else ""
    return f"{head}\r\nHost: x\r\n{length}\r\n".replace("\n", "\r\n").replace("\r\r", "\r").encode() + body


FORM = (
    b'--b\r\nContent-Disposition: form-data; name="data"; filename="a.txt"\r\nContent-Type: text/plain\r\n\r\nabc\r\n'
    b'--b\r\nContent-Disposition: form-data; name="more"\r\n\r\n{"a": [1, 2]}\r\n--b--\r\n'
)
CHUNKS = b"3\r\nabc\r\n2;e=1\r\nde\r\n0\r\nX-T: 1\r\n\r\n"
REQUESTS = (
    request("POST /predictions/backwards HTTP/1.1\nContent-Type: text/plain", b"abc"),
    request("POST /predictions/apart/1.0 HTTP/1.1\nContent-Type: application/json", b'{"a": [1, 2.5, null]}'),
    request("PUT /predictions/backwards HTTP/1.1", b"\xff\x00abc"),
    request("POST /predictions/backwards?x=1&y=%C3%A4 HTTP/1.1\nExpect: 100-continue", b"abc"),
    request("POST /predictions/backwards HTTP/1.1\nTransfer-Encoding: chunked") + CHUNKS,
    request("GET /models?limit=2&next_page_token=0 HTTP/1.1"),
    request("GET /models/backwards/all?customized=true HTTP/1.1"),
    request("POST /models?url=none.mar&model_name=n&batch_size=2&initial_workers=0&synchronous=true HTTP/1.1"),
    request("POST /models HTTP/1.1\nContent-Type: application/json", b'{"url": "none.mar", "batch_size": 1}'),
    request("PUT /models/none?min_worker=0&synchronous=true&timeout=1 HTTP/1.1"),
    request("DELETE /models/none/1.0 HTTP/1.1"),
    request("PUT /models/none/1.0/set-default HTTP/1.1"),
    request("OPTIONS / HTTP/1.1"),
    request("HEAD /ping HTTP/1.1"),
    request("GET /metrics?name[]=Requests2XX HTTP/1.1"),
    request("GET /ping HTTP/1.0\nConnection: keep-alive"),
    request("POST /workflows?url=none.war&workflow_name=w HTTP/1.1"),
    request("POST /wfpredict/w HTTP/1.1", b"abc"),
    request("GET /v2/models/backwards HTTP/1.1"),
    request("GET /v2 HTTP/1.1"),
    request("GET /v1/models/backwards HTTP/1.1"),
    request(
        "POST /v2/models/backwards/infer HTTP/1.1\nContent-Type: application/json",
        b'{"id": "1", "inputs": [{"name": "a", "shape": [1, 2], "datatype": "FP32", "data": [1, 2]}]}',
    ),
    request("POST /v1/models/backwards:predict HTTP/1.1\nContent-Type: application/json", b'{"instances": [[1, 2]]}'),
    request("POST /invocations HTTP/1.1", b"abc"),
    request("GET /models/backwards/1.0/traffic HTTP/1.1"),
    request("PUT /models/none/traffic HTTP/1.1\nContent-Type: application/json", b'{"weights": {"1.0": 1}}'),
    request("GET /predictions/backwards HTTP/1.1\n\nGET /ping HTTP/1.1"),
)
FORMS = (
    request("POST /predictions/backwards HTTP/1.1\nContent-Type: multipart/form-data; boundary=b", FORM),
    request(
        "POST /predictions/backwards HTTP/1.1\nContent-Type: application/x-www-form-urlencoded", b"data=abc&x=%41&y"
    ),
    request("POST /models HTTP/1.1\nContent-Type: multipart/form-data; boundary=b", FORM.replace(b"more", b"url")),
)
YAML = (
    b"minWorkers: 1\nmaxWorkers: 1\nbatchSize: 2\nmaxBatchDelay: 10\nresponseTimeout: 5\nstartupTimeout: 10\n"
    b"deviceType: cpu\nwarmup:\n  - json: {a: [1, 2]}\n  - text: abc\nhandler:\n  a: &x [1, 2]\n  b: *x\n"
)
MANIFEST = json.dumps(
    {
        "createdOn": "01/01/2026 00:00:00", "runtime": "python", "archiverVersion": "0.12.0",
        "model": {"modelName": "fuzzed", "handler": "handler.py", "modelVersion": "1.0", "configFile": "c.yaml"},
    }
).encode()  # fmt: skip
HANDLER = b"def handle(data, context):\n    return data and ['x'] * len(data)\n"
PROPERTIES = (
    b"inference_address=http://127.0.0.1:8080\nload_models=all\njob_queue_size=10\nmax_request_size=1000\n"
    b"models={\\\n  'm': {'1.0': {\"minWorkers\": 1, \"batchSize\": 2,}}}\nallowed_urls=file://.*\nmetrics_mode=log\n"
)


def attack_http(target: Target, case: bytes) -> str:
    """Send a case as it is."""
    received = target.send(case)
    if received is None:
        return "hung"
    return "defect" if DEFECT in received else ""


def attack_archive(target: Target, case: bytes) -> str:
    """Register the case as an archive, and unregister whatever came of it."""
    (target.store / "fuzzed.mar").write_bytes(case)
    try:
        status, answer = target.ask("POST", "/models?url=fuzzed.mar&initial_workers=1&synchronous=true")
        stuck = target.remove_foreign_models()
    except TimeoutError:
        return "hung"
    if stuck:
        return f"cannot be unregistered: {stuck}"
    return "defect" if DEFECT in answer else "" if status else "no status"


def attack_files(name: str) -> Attack:
    """An attack by a well-formed archive in which one file is the case."""

    def attack(target: Target, case: bytes) -> str:
        content = BytesIO()
        with zipfile.ZipFile(content, "w") as archive:
            for file, text in {"MAR-INF/MANIFEST.json": MANIFEST, "handler.py": HANDLER, "c.yaml": YAML}.items():
                archive.writestr(file, case if file == name else text)
        return attack_archive(target, content.getvalue())

    return attack


def attack_registration(target: Target, case: bytes) -> str:
    """Register with the case as a parameter, in the query and in a JSON body."""
    as_text = case.decode("utf-8", "surrogateescape")
    target_path = f"/models?url={quote(as_text, safe='', errors='surrogateescape')}&initial_workers=0"
    body = b'{"url": "' + case + b'"}'
    answers = [target.ask("POST", target_path), target.ask("POST", "/models", body, "application/json")]
    return "defect" if any(DEFECT in answer for _, answer in answers) else ""


def attack_configuration(target: Target, case: bytes) -> str:
    """Read the case as config.properties, and as lenient JSON, in this process."""
    with TemporaryDirectory() as folder:
        Path(folder, "config.properties").write_bytes(case)
        try:
            marserve_settings({}, Path(folder), authorization="off")
        except ConfigurationError:
            pass
        except Exception as error:
            return f"{type(error).__name__}: {error}"
    try:
        loads(case.decode("utf-8", "replace"))
    except ValueError:
        pass
    except Exception as error:
        return f"{type(error).__name__}: {error}"
    return ""


def archives() -> tuple[bytes, ...]:
    """Archives to mutate."""
    with TemporaryDirectory() as folder:
        return (
            pack(Path(folder, "a.mar"), {"handler.py": HANDLER, "c.yaml": YAML}, configFile="c.yaml"),
            pack(
                Path(folder, "b.mar"),
                {"handler.py": HANDLER, "extra/x.py": b"import handler\n", "model.pt": bytes(300)},
            ),
        )


FUZZERS = (
    Fuzzer("http", REQUESTS, attack_http),
    Fuzzer("forms", FORMS, attack_http),
    Fuzzer("archives", archives(), attack_archive),
    Fuzzer("yaml", (YAML,), attack_files("c.yaml")),
    Fuzzer("manifests", (MANIFEST,), attack_files("MAR-INF/MANIFEST.json")),
    Fuzzer("registrations", (b"none.mar", "ä/b c.mar".encode(), b"file:///none.mar"), attack_registration),
    Fuzzer("configuration", (PROPERTIES,), attack_configuration),
)
