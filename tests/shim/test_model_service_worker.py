"""TorchServe's own way to serve: messages on a socket, the worker, the loader and the service that answer them."""

import asyncio
import json
import socket
import struct
import sys
import textwrap
import threading
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
import ts.service
from ts.metrics.metric_cache_yaml_impl import MetricsCacheYamlImpl
from ts.model_loader import ModelLoader, ModelLoaderFactory
from ts.model_service_worker import TorchModelServiceWorker
from ts.protocol.otf_message_handler import create_load_model_response, create_predict_response, retrieve_msg

from tests.support.one_worker import write

HANDLER = """
from ts.utils.util import PredictionException

class Handler:
    def initialize(self, context):
        self.context = context

    def handle(self, data, context):
        body = data[0]["body"]
        if body == "raise":
            raise ValueError(body)
        if body == "refuse":
            raise PredictionException("no", 403)
        if body == "memory":
            raise MemoryError
        if body == "short":
            return []
        if body == "tuple":
            return (body,)
        if body == "odd":
            return [object()] * len(data)
        context.set_response_content_type(0, "text/x")
        context.set_response_status(201, "made", 0)
        context.set_response_header(0, "size", str(len(data)))
        return [{"got": repr(body), "header": context.get_request_header(0, "Given")}] * len(data)
"""


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """An unpacked archive on the path."""
    manifest = {"model": {"modelName": "m", "configFile": "model-config.yaml"}}
    files = {"own_handler.py": HANDLER, "MAR-INF/MANIFEST.json": json.dumps(manifest), "model-config.yaml": "a: 1"}
    files |= {"own_function.py": "def entry(data, context):\n    return ['fine'] * len(data or ())", "empty.py": ""}
    monkeypatch.syspath_prepend(write(tmp_path, files))
    yield tmp_path
    for name in ("own_handler", "own_function", "empty"):
        sys.modules.pop(name, None)


def sized(text: str) -> bytes:
    return struct.pack("!i", len(text)) + text.encode()


def load_message(folder: Path, handler: str = "own_handler.py", envelope: str = "") -> bytes:
    head = b"L" + sized("m") + sized(str(folder)) + struct.pack("!i", 2) + sized(handler)
    return head + struct.pack("!i", -1) + sized(envelope) + b"\1"


def predict_message(*bodies: tuple[str, str]) -> bytes:
    end = struct.pack("!i", -1)
    header = sized("Given") + sized("yes") + end
    return (
        b"I"
        + b"".join(sized("id") + header + sized("body") + sized(kind) + sized(body) + end for kind, body in bodies)
        + end
    )


def receive(client: socket.socket) -> tuple[int, str, list[tuple[Any, ...]]]:
    """A response: status and text of the whole, then type, status, phrase, headers and body of each row."""

    def number() -> int:
        return int(struct.unpack("!i", client.recv(4, socket.MSG_WAITALL))[0])

    def text(length: int | None = None) -> str:
        length = number() if length is None else length
        return client.recv(length, socket.MSG_WAITALL).decode() if length else ""

    code, message, rows = number(), text(), []
    while (length := number()) != -1:
        text(length)
        kind, status, phrase = text(), number(), text()
        rows.append((kind, status, phrase, {text(): text() for _ in range(number())}, text()))
    return code, message, rows


@pytest.fixture
def client(folder: Path) -> Iterator[socket.socket]:
    """A connection to a worker with a loaded model."""
    ours, theirs = socket.socketpair()
    worker = TorchModelServiceWorker("tcp", port_num=0)
    thread = threading.Thread(target=_serve, args=(worker, theirs))
    thread.start()
    ours.sendall(load_message(folder))
    assert receive(ours) == (200, "loaded model m", [])
    yield ours
    ours.close()
    thread.join()
    theirs.close()
    worker.sock.close()


def _serve(worker: TorchModelServiceWorker, connection: socket.socket) -> None:
    with pytest.raises(SystemExit):
        worker.handle_connection(connection)


def test_coroutines_over_a_socket(folder: Path) -> None:
    source = """
        import asyncio
        class Handler:
            def initialize(self, context):
                self.second = asyncio.Event()
            async def handle(self, data, context):
                if data[0]["body"] == "wait":
                    await self.second.wait()
                self.second.set()
                return [data[0]["body"]]
    """
    write(folder, {"own_coroutines.py": textwrap.dedent(source)})
    ours, theirs = socket.socketpair()
    worker = TorchModelServiceWorker("tcp", port_num=0, async_comm=True)
    ended: list[str] = []

    def serve() -> None:
        loop = asyncio.new_event_loop()
        asyncio.set_event_loop(loop)
        with closing(loop), pytest.raises(RuntimeError) as raised:
            worker.handle_connection(theirs)
        ended.append(str(raised.value))

    thread = threading.Thread(target=serve)
    thread.start()
    with ours, theirs, worker.sock:
        ours.sendall(load_message(folder, "own_coroutines.py"))
        assert receive(ours) == (200, "loaded model m", [])
        for body in ("wait", "go"):
            ours.sendall(predict_message(("text/plain", body)))
        assert [receive(ours)[2][0][-1] for _ in range(2)] == ["go", "wait"]
        ours.shutdown(socket.SHUT_WR)
        thread.join()
    assert "SystemExit" in ended[0]


def test_a_batch_over_a_socket(client: socket.socket) -> None:
    client.sendall(predict_message(("application/json", '{"a": 1}'), ("text/plain", "x")))
    code, message, rows = receive(client)
    assert (code, message) == (200, "Prediction success")
    body = json.dumps({"got": "{'a': 1}", "header": "yes"}, indent=2)
    headers = {"content-type": "text/x", "size": "2"}
    assert rows == [("text/x", 201, "made", headers, body), ("", 200, "", {}, body)]


@pytest.mark.parametrize(
    ("body", "code", "message"),
    [
        ("raise", 503, "Prediction failed"),
        ("refuse", 403, "no"),
        ("memory", 507, "Out of resources"),
        ("short", 503, "number of batch response mismatched"),
        ("tuple", 503, "Invalid model predict output"),
        ("odd", 503, "Unsupported model output data type."),
    ],
)
def test_failures_are_answers(client: socket.socket, body: str, code: int, message: str) -> None:
    client.sendall(predict_message(("text/plain", body)))
    assert receive(client) == (code, message, [("", code, "", {}, "error")])


@pytest.mark.parametrize(("decode", "got"), [("true", "{'a': 1}"), ("false", "bytearray(b'{\"a\": 1}')")])
def test_inputs_are_decoded_as_the_environment_says_at_that_time(
    client: socket.socket, monkeypatch: pytest.MonkeyPatch, decode: str, got: str
) -> None:
    monkeypatch.setenv("TS_DECODE_INPUT_REQUEST", decode)
    client.sendall(predict_message(("application/json", '{"a": 1}')))
    assert json.loads(receive(client)[2][0][-1])["got"] == got


def test_a_loaded_service_is_called_without_a_socket(folder: Path) -> None:
    metrics = MetricsCacheYamlImpl({"model_metrics": {}})
    service = ModelLoaderFactory.get_model_loader().load(
        model_name="m",
        model_dir=str(folder),
        handler="own_function:entry",
        gpu_id=None,
        batch_size=2,
        metrics_cache=metrics,
    )
    assert isinstance(service, ts.service.Service)
    assert repr(service) == "<Service of m>"
    assert service.context.model_yaml_config == {"a": 1}
    assert service.context.manifest["model"]["modelName"] == "m"
    message = {"requestId": b"one", "parameters": [{"name": "body", "contentType": "", "value": b"x"}]}
    processors, rows, ids = ts.service.Service.retrieve_data_for_inference([message])
    assert (rows, ids) == ([{"body": b"x"}], {0: "one"})
    assert processors[0].get_request_property("body") == {"content-type": ""}
    assert service.predict([message]) == create_predict_response(
        ["fine"], ids, "Prediction success", 200, context=service.context
    )
    with pytest.raises(ValueError, match="invalid inputs"):
        ts.service.Service.retrieve_data_for_inference(None)


def test_an_envelope_is_put_around_the_entry_point(folder: Path) -> None:
    service = ModelLoaderFactory.get_model_loader().load("m", str(folder), "own_function:entry", envelope="body")
    assert service._entry_point([{"body": 1}], service.context) == ["fine"]


@pytest.mark.parametrize(("handler", "error"), [("empty", ValueError), ("nowhere.py", ImportError)])
def test_a_handler_that_is_none(folder: Path, handler: str, error: type[Exception]) -> None:
    with pytest.raises(error):
        ModelLoaderFactory.get_model_loader().load("m", str(folder), handler)


def test_a_load_that_fails_is_answered(folder: Path) -> None:
    write(folder, {"failing.py": "def handle(data, context):\n    raise RuntimeError('CUDA')"})
    worker = TorchModelServiceWorker("tcp", port_num=0)
    ours, theirs = socket.socketpair()
    with ours, theirs, worker.sock:
        ours.sendall(load_message(folder, "failing.py"))
        with pytest.raises(RuntimeError, match="507 - System out of memory"):
            worker.handle_connection(theirs)
        assert receive(ours) == (507, "System out of memory", [])


def test_messages_that_are_none(folder: Path) -> None:
    ours, theirs = socket.socketpair()
    worker = TorchModelServiceWorker("tcp", port_num=0)
    with ours, theirs, worker.sock:
        ours.sendall(b"X" + predict_message(("text/plain", "x")))
        with pytest.raises(ValueError, match="Invalid command"):
            retrieve_msg(theirs)
        with pytest.raises(RuntimeError, match="not loaded"):
            worker.handle_connection(theirs)


@pytest.mark.parametrize(
    "arguments", [{}, {"s_type": "unix"}, {"s_type": "tcp"}, {"s_type": "pigeon", "s_name": "a.1", "port_num": 1}]
)
def test_a_worker_needs_an_address(arguments: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match="Wrong arguments"):
        TorchModelServiceWorker(**arguments)


def test_other_loaders_may_be_written() -> None:
    class Own(ModelLoader):
        def load(self, *arguments: Any, **named: Any) -> Any:
            return arguments

    load: Callable[..., Any] = Own().load
    assert load("m", "folder") == ("m", "folder")


def test_the_first_rank_answers(monkeypatch: pytest.MonkeyPatch) -> None:
    assert create_load_model_response(200, "ok") == b"\0\0\0\xc8\0\0\0\2ok\xff\xff\xff\xff"
    monkeypatch.setenv("LOCAL_RANK", "1")
    assert create_predict_response(["x"], {0: "id"}, "", 200) is None
