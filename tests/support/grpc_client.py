"""A gRPC client whose code protoc makes of the proto files, and a server for it to call."""

import asyncio
import json
import sys
import tempfile
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from functools import cache
from importlib import import_module
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, Any

import grpc
import grpc.aio
from grpc_tools import protoc

from app.grpc.listeners import grpc_listeners
from app.grpc.messages import CLASSES, methods
from tests.support.serving import Client, serving

PROTO = Path(__file__).parents[2] / "app" / "grpc" / "proto"
CONFIG_PROTO = PROTO.parents[2] / "model_registry" / "triton" / "config" / "proto"
OPTIONS = (("grpc.enable_http_proxy", 0), ("grpc.max_receive_message_length", -1))

ASKED = """
    import json, os, threading
    from ts.handler_utils.utils import send_intermediate_predict_response
    from ts.utils.util import PredictionException
    GATE = vars(threading).setdefault("test_gate", threading.Event())  # one for all workers
    SERVED = vars(threading).setdefault("test_served", [])
    class Asked:
        def initialize(self, context):
            pass
        def handle(self, data, context):
            if context.get_request_header(0, "describe") == "True":
                return [{"described": True}]
            return [self.answer(row, index, context) for index, row in enumerate(data)]
        def answer(self, row, index, context):
            ask = json.loads(row.get("data") or b"{}")
            SERVED.append(ask.get("name"))
            if ask.get("wait"):
                GATE.wait(30)
            for piece in range(ask.get("pieces", 0)):
                send_intermediate_predict_response([f"{piece};"], context.request_ids, "ok", 200, context)
                if ask.get("hold"):
                    GATE.wait(30)
                if piece == ask.get("fail_at"):
                    raise ValueError("secret")
            if "refuse" in ask:
                raise PredictionException("refused", ask["refuse"])
            if ask.get("raise") == "memory":
                raise MemoryError
            if ask.get("raise") == "exit":
                os._exit(3)
            if ask.get("raise"):
                raise ValueError("secret")
            context.set_response_status(code=418, idx=index)
            if ask.get("tell"):
                names = {name: type(value).__name__ for name, value in row.items()}
                return {"row": names, "headers": context.get_all_request_header(index)}
            return ask.get("say", "done")
"""
"""A handler that does what the JSON under "data" asks for."""


@cache
def stubs(name: str) -> tuple[ModuleType, ModuleType]:
    """The modules of messages and of stubs of a proto file; they go into the pool that all generated code shares."""
    folder = _generated()
    if folder not in sys.path:
        sys.path.append(folder)
    return import_module(f"{name}_pb2"), import_module(f"{name}_pb2_grpc")


@cache
def _generated() -> str:
    folder = tempfile.mkdtemp()
    texts = (*PROTO.glob("*.proto"), *PROTO.glob("google/rpc/*.proto"), *CONFIG_PROTO.glob("*.proto"))
    files = [str(file) for file in texts]
    included = str(Path(protoc.__file__).parent / "_proto")
    folders = [f"-I{each}" for each in (PROTO, CONFIG_PROTO, included)]
    assert protoc.main(["protoc", *folders, f"--python_out={folder}", f"--grpc_python_out={folder}", *files]) == 0
    return folder


class TritonStub:
    """The methods of Triton's service; its messages come from the server's pool: tritonclient's have the same names."""

    def __init__(self, channel: Any) -> None:
        for method in methods("inference.GRPCInferenceService"):
            shape = "stream_stream" if method.server_streaming else "unary_unary"
            call = getattr(channel, shape)(
                f"/inference.GRPCInferenceService/{method.name}",
                CLASSES[method.input_type.full_name].SerializeToString,
                CLASSES[method.output_type.full_name].FromString,
            )
            setattr(self, method.name, call)

    if TYPE_CHECKING:

        def __getattr__(self, name: str) -> Any:
            """A method of the service."""


class GrpcClient:
    """Stubs of every service on one channel, and the application that answers them, also over HTTP."""

    def __init__(self, channel: grpc.aio.Channel, http: Client) -> None:
        self.channel, self.http, self.application = channel, http.http, http.application
        self.inference = stubs("inference")[1].InferenceAPIsServiceStub(channel)
        self.management = stubs("management")[1].ManagementAPIsServiceStub(channel)
        self.open_inference = stubs("open_inference_grpc")[1].GRPCInferenceServiceStub(channel)
        self.triton = TritonStub(channel)

    async def predict(self, ask: Any = None, model: str = "asked", **options: Any) -> bytes:
        """The whole answer to what is asked under "data"."""
        response = await self.inference.Predictions(prediction(ask, model), timeout=30, **options)
        return response.prediction  # type: ignore[no-any-return]

    async def manage(self, method: str, **fields: Any) -> str:
        """The message that a management method answers."""
        request = getattr(stubs("management")[0], f"{method}Request")(**fields)
        return (await getattr(self.management, method)(request, timeout=30)).msg  # type: ignore[no-any-return]


def prediction(
    ask: Any = None, model: str = "asked", *, version: str = "", sequence: str | None = None,
    **more: bytes,
) -> Any:  # fmt: skip
    """A PredictionsRequest."""
    given: Mapping[str, bytes] = {"data": json.dumps(ask or {}).encode(), **more}
    return stubs("inference")[0].PredictionsRequest(
        model_name=model, model_version=version, input=given, sequence_id=sequence
    )


@asynccontextmanager
async def grpc_serving(
    store: Path, *models: str, credentials: grpc.ChannelCredentials | None = None, **settings: Any
) -> AsyncIterator[GrpcClient]:
    """A server with both gRPC APIs on one free port of this machine, and a client of it."""
    ports = {"grpc_inference_port": "0", "grpc_management_port": "0", "grpc_apis": ("inference", "management")}
    async with serving(store, *models, **{**ports, **settings}) as client:
        (listener,) = grpc_listeners(client.application)
        await listener.open()
        where = f"localhost:{listener.port}"
        channel = (
            grpc.aio.secure_channel(where, credentials, OPTIONS)
            if credentials
            else grpc.aio.insecure_channel(where, OPTIONS)
        )
        async with channel:
            yield GrpcClient(channel, client)
        listener.close()
        await listener.drain(10)


async def failure(call: Any) -> tuple[str, str]:
    """Code and details of a call that fails."""
    try:
        await asyncio.wait_for(call, 30)
    except grpc.aio.AioRpcError as error:
        return error.code().name, error.details() or ""
    raise AssertionError("the call did not fail")
