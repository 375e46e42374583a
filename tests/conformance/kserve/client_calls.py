"""Calls of KServe's own inference clients, printed as JSON, for a Python that has `kserve`: nothing of ours is used.

python client_calls.py REST_PORT GRPC_PORT PROFILE
"""

import asyncio
import json
import sys
from typing import Any

from kserve import InferenceGRPCClient, InferenceRESTClient, InferInput, InferRequest, RESTConfig

MODEL = "double"
NUMBERS = [1.0, 2.0, 3.0]


def request() -> InferRequest:
    """One tensor of three numbers."""
    return InferRequest(MODEL, [InferInput("input-0", [3], "FP32", NUMBERS)], request_id="own")


async def attempt(call: Any) -> Any:
    """The result of a call, or the name of what it raises."""
    try:
        return await call
    except Exception as error:
        return type(error).__name__


async def first_protocol(url: str) -> dict[str, Any]:
    """The REST client in its first protocol."""
    client = InferenceRESTClient(RESTConfig(protocol="v1"))
    return {
        "live": await client.is_server_live(url),
        "ready": await client.is_model_ready(url, MODEL),
        "infer": await client.infer(url, {"instances": [[1, 2], [3]]}, model_name=MODEL),
        "explain": await client.explain(url, MODEL, {"instances": [[1, 2]]}),
        "unknown": await attempt(client.infer(url, {"instances": [1]}, model_name="none")),
        "broken is ready": await attempt(client.is_model_ready(url, "broken")),
    }


async def second_protocol(url: str) -> dict[str, Any]:
    """The REST client in its second protocol."""
    client = InferenceRESTClient(RESTConfig(protocol="v2"))
    answer = await client.infer(url, request(), model_name=MODEL)
    return {
        "live": await client.is_server_live(url),
        "server ready": await attempt(client.is_server_ready(url)),
        "ready": await client.is_model_ready(url, MODEL),
        "infer": described(answer),
        "unknown": await attempt(client.infer(url, InferRequest("none", request().inputs), model_name="none")),
        "broken is ready": await attempt(client.is_model_ready(url, "broken")),
    }


async def grpc(address: str) -> dict[str, Any]:
    """The gRPC client."""
    async with InferenceGRPCClient(address) as client:
        return {
            "live": await client.is_server_live(),
            "server ready": await client.is_server_ready(),
            "ready": await client.is_model_ready(MODEL),
            "infer": described(await client.infer(request())),
            "unknown": await attempt(client.infer(InferRequest("none", request().inputs))),
        }


def described(answer: Any) -> dict[str, Any]:
    """The response's id, model and numbers."""
    values = [number for output in answer.outputs for number in output.as_numpy().reshape(-1).tolist()]
    return {"id": answer.id, "model": answer.model_name, "values": values}


async def main() -> None:
    """Make the calls of a profile, and print what they return."""
    rest, grpc_port, profile = sys.argv[1:]
    url, address = f"http://127.0.0.1:{rest}", f"127.0.0.1:{grpc_port}"
    calls = {"v1": first_protocol, "v2": second_protocol, "grpc-v2": grpc}[profile]
    print(json.dumps(await calls(address if profile == "grpc-v2" else url)))


if __name__ == "__main__":
    asyncio.run(main())
