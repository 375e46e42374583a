"""Tensor models in folders, and instances of them that are called directly."""

import json
from collections.abc import Sequence
from pathlib import Path
from textwrap import dedent
from typing import Any

import numpy as np
import onnx
from onnx import TensorProto, helper

from handler.devices.device import CPU
from handler.isolation.worker_environment import WorkerEnvironment
from handler.job import Job
from handler.tensors.datatypes import BY_NAME, Datatype, datatype_of
from handler.tensors.requests import TensorRequest
from handler.tensors.service import TensorService, load_service
from handler.tensors.signature import Signature, TensorSpec
from handler.tensors.spec import Instance, TensorServiceSpec
from handler.tensors.statistics import Statistics
from handler.tensors.tensor import Tensor

FP32 = BY_NAME["FP32"]
INT32 = BY_NAME["INT32"]


def write_python_model(folder: Path, source: str, version: str = "1") -> Path:
    """Write model.py with the body of an `execute` module; returns the model's folder."""
    (folder / version).mkdir(parents=True, exist_ok=True)
    (folder / version / "model.py").write_text(
        f"import numpy as np\nimport triton_python_backend_utils as pb_utils\n{dedent(source)}"
    )
    return folder


def write_add_sub(path: Path, *, width: int = 4, batch: str | int = "batch") -> Path:
    """Write an ONNX model: SUM and DIFFERENCE of A and B."""
    shape = [batch, width]
    nodes = [helper.make_node("Add", ["A", "B"], ["SUM"]), helper.make_node("Sub", ["A", "B"], ["DIFFERENCE"])]
    inputs, outputs = (
        [helper.make_tensor_value_info(name, TensorProto.FLOAT, shape) for name in names]
        for names in (("A", "B"), ("SUM", "DIFFERENCE"))
    )
    graph = helper.make_graph(nodes, "add_sub", inputs, outputs)
    path.parent.mkdir(parents=True, exist_ok=True)
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8), path)
    return path


def signature(
    inputs: dict[str, tuple[Datatype, Sequence[int]]], outputs: dict[str, tuple[Datatype, Sequence[int]]],
    max_batch_size: int = 0, name: str = "m",
) -> Signature:  # fmt: skip
    """A signature of plain tensors."""
    specs = [
        [TensorSpec(key, datatype, tuple(dims)) for key, (datatype, dims) in group.items()]
        for group in (inputs, outputs)
    ]
    return Signature(name, max_batch_size, *specs)


def spec_of(
    folder: Path, tensors: Signature, *, backend: str = "python", file: str = "model.py", **more: Any
) -> TensorServiceSpec:
    """The specification of version 1 of the model in that folder."""
    config = json.dumps({"name": tensors.model, "max_batch_size": tensors.max_batch_size, "input": [], "output": []})
    return TensorServiceSpec(
        model_name=tensors.model, version="1", backend=backend, folder=folder / "1", packages=folder, file=file,
        config=config, signature=tensors, instances=[Instance(f"{tensors.model}_0")], statistics=Statistics(),
        calls=more.pop("calls", None), **more,
    )  # fmt: skip


def loaded(spec: TensorServiceSpec) -> TensorService:
    """The service of a specification, on the calling thread."""
    environment = WorkerEnvironment(spec.folder, "W-test", lambda stream, line: None, packages=spec.packages)
    environment.enter()
    return load_service(spec, environment, CPU, 0, lambda: None)


def request(tensors: Signature, **arrays: Any) -> TensorRequest:
    """A request that the signature has checked."""
    inputs = []
    for name, values in arrays.items():
        array = np.asarray(values, None if isinstance(values, np.ndarray) else tensors.inputs[name].datatype.dtype)
        datatype = datatype_of(array.dtype)
        assert datatype is not None
        inputs.append(Tensor.of_array(name, datatype, array))
    return tensors.check(TensorRequest(inputs))


def jobs(*requests: Any) -> list[Job]:
    """A job for each request."""
    return [Job(each, f"job-{index}") for index, each in enumerate(requests)]
