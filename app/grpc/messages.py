"""The messages and services of app/grpc/proto, from the descriptors that protoc makes of its texts (in that folder):

    python -m grpc_tools.protoc -I . -I ../../../model_registry/triton/config/proto --include_imports \\
        --descriptor_set_out services.binpb *.proto google/rpc/*.proto

They live in a pool of their own, not as generated modules: a handler in this process may bring TorchServe's or KServe's
generated code with it, and the common pool takes each name only once.
"""

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from google.protobuf.descriptor_pb2 import FileDescriptorSet
from google.protobuf.descriptor_pool import DescriptorPool
from google.protobuf.message_factory import GetMessageClass

DESCRIPTORS = Path(__file__).with_name("proto") / "services.binpb"

INFERENCE = "org.pytorch.serve.grpc.inference"
MANAGEMENT = "org.pytorch.serve.grpc.management"
OPEN_INFERENCE = "org.pytorch.serve.grpc.openinference"
TRITON = "inference"
OPEN_INFERENCE_SERVICE = f"{OPEN_INFERENCE}.GRPCInferenceService"
TRITON_SERVICE = f"{TRITON}.GRPCInferenceService"
RPC = "google.rpc"


def _classes(descriptors: Iterable[Any]) -> Iterator[tuple[str, Any]]:
    for descriptor in descriptors:
        yield descriptor.full_name, GetMessageClass(descriptor)
        yield from _classes(descriptor.nested_types)


POOL = DescriptorPool()
_FILES = FileDescriptorSet.FromString(DESCRIPTORS.read_bytes()).file
for _file in _FILES:
    POOL.Add(_file)
CLASSES = {
    name: made
    for file in _FILES
    for name, made in _classes(POOL.FindFileByName(file.name).message_types_by_name.values())
}
"""Every message's class by its full name. They are held for good: protobuf crashes when it is asked for one that the
garbage collection of another thread has begun to take apart."""


def message(package: str, name: str) -> Any:
    """The class of a message."""
    return CLASSES[f"{package}.{name}"]


def methods(service: str) -> Any:
    """The descriptors of a service's methods."""
    return POOL.FindServiceByName(service).methods
