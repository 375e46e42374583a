"""The messages and services of app/proto, from the descriptors that protoc makes of its texts (in that folder):

    python -m grpc_tools.protoc -I . --include_imports --descriptor_set_out services.binpb *.proto google/rpc/*.proto

They live in a pool of their own, not as generated modules: a handler in this process may bring TorchServe's or KServe's
generated code with it, and the common pool takes each name only once.
"""

from pathlib import Path
from typing import Any

from google.protobuf.descriptor_pb2 import FileDescriptorSet
from google.protobuf.descriptor_pool import DescriptorPool
from google.protobuf.message_factory import GetMessageClass

DESCRIPTORS = Path(__file__).with_name("proto") / "services.binpb"

INFERENCE = "org.pytorch.serve.grpc.inference"
MANAGEMENT = "org.pytorch.serve.grpc.management"
OPEN_INFERENCE = "org.pytorch.serve.grpc.openinference"
RPC = "google.rpc"

POOL = DescriptorPool()
for _file in FileDescriptorSet.FromString(DESCRIPTORS.read_bytes()).file:
    POOL.Add(_file)


def message(package: str, name: str) -> Any:
    """The class of a message."""
    return GetMessageClass(POOL.FindMessageTypeByName(f"{package}.{name}"))


def methods(service: str) -> Any:
    """The descriptors of a service's methods."""
    return POOL.FindServiceByName(service).methods
