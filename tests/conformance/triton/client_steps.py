"""Steps of tritonclient, unmodified."""

from collections.abc import Mapping
from importlib import import_module
from queue import SimpleQueue
from types import ModuleType
from typing import Any

import numpy as np
from google.protobuf import json_format

from handler.tensors.datatypes import BY_NAME
from tests.conformance.triton.forms import Forms
from tests.conformance.triton.recording import Answer, Step


class ClientSteps:
    """Calls of the methods of `InferenceServerClient`."""

    def __init__(self, ports: Mapping[str, int], forms: Forms) -> None:
        self._ports = ports
        self._forms = forms

    def play(self, step: Step) -> Answer:
        """The answer of one step."""
        module = import_module(f"tritonclient.{step['client']}")
        client = module.InferenceServerClient(f"127.0.0.1:{self._ports[step['client']]}")
        try:
            if step["call"] == "stream":
                return {"responses": self._forms.value(_stream(module, client, step))}
            value = _infer(module, client, step) if step["call"] == "infer" else _call(client, step)
            return {"result": self._forms.value(value)}
        except module.InferenceServerException as error:
            return {"raised": self._forms.text(str(error.message())), "status": str(error.status())}
        finally:
            client.close()


def _call(client: Any, step: Step) -> Any:
    args = dict(step.get("args", {}))
    if step["client"] == "grpc" and step["call"].startswith("get_"):
        args["as_json"] = True
    return getattr(client, step["call"])(**args)


def _infer(module: ModuleType, client: Any, step: Step) -> Any:
    args = dict(step.get("args", {}))
    if "outputs" in step:
        args["outputs"] = [_requested(module, each) for each in step["outputs"]]
    return _outputs(client.infer(inputs=[_tensor(module, each) for each in step["inputs"]], **args))


def _stream(module: ModuleType, client: Any, step: Step) -> list[Any]:
    results: SimpleQueue[tuple[Any, Any]] = SimpleQueue()
    client.start_stream(callback=lambda result, error: results.put((result, error)))
    for args in step["requests"]:
        client.async_stream_infer(**{**args, "inputs": [_tensor(module, each) for each in args["inputs"]]})
    client.stop_stream()
    pairs = [results.get() for _ in range(results.qsize())]
    return [{"error": error.message()} if error else _outputs(result) for result, error in pairs]


def _tensor(module: ModuleType, given: Step) -> Any:
    made = module.InferInput(given["name"], given["shape"], given["datatype"])
    if "shm" in given:
        made.set_shared_memory(*given["shm"])
    elif "data" in given:
        data = [each.encode() if isinstance(each, str) else each for each in given["data"]]
        array = np.array(data, BY_NAME[given["datatype"]].dtype).reshape(given.get("array_shape", given["shape"]))
        options = {"binary_data": given["binary"]} if "binary" in given and _is_http(module) else {}
        made.set_data_from_numpy(array, **options)
    return made


def _requested(module: ModuleType, given: Step) -> Any:
    options = {"binary_data": given.get("binary", True)} if _is_http(module) else {}
    if "class_count" in given:
        options["class_count"] = given["class_count"]
    return module.InferRequestedOutput(given["name"], **options)


def _is_http(module: ModuleType) -> bool:
    return module.__name__.endswith("http")


def _outputs(result: Any) -> dict[str, Any]:
    """The members of a result, and its outputs as numpy has them."""
    response = result.get_response()
    if not isinstance(response, dict):
        response = json_format.MessageToDict(response, preserving_proto_field_name=True)
        response.pop("raw_output_contents", None)
    described = {key: value for key, value in response.items() if key != "outputs"}
    described["outputs"] = {output["name"]: _output(result, output["name"]) for output in response.get("outputs", ())}
    return described


def _output(result: Any, name: str) -> dict[str, Any]:
    array = result.as_numpy(name)
    if array is None:
        return {"dtype": "None", "shape": [], "data": None}
    data = [
        each.decode("utf-8", "backslashreplace") if isinstance(each, bytes) else each
        for each in array.reshape(-1).tolist()
    ]
    return {"dtype": str(array.dtype), "shape": list(array.shape), "data": data}
