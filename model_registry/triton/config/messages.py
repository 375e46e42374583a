"""The message of a model's configuration, from the descriptor that protoc makes of its text in `proto`:

    python -m grpc_tools.protoc -I . --descriptor_set_out model_config.binpb model_config.proto

It lives in a pool of its own, not in a generated module: a Python model in this process may import tritonclient, whose
generated code has the same names, and the common pool takes each name only once.
"""

from pathlib import Path
from typing import Any

from google.protobuf.descriptor_pb2 import FileDescriptorSet
from google.protobuf.descriptor_pool import DescriptorPool
from google.protobuf.message_factory import GetMessageClass

DESCRIPTORS = Path(__file__).with_name("proto") / "model_config.binpb"

(CONFIG_FILE,) = FileDescriptorSet.FromString(DESCRIPTORS.read_bytes()).file
"""The descriptor of the file, for pools whose services speak of configurations."""
POOL = DescriptorPool()
POOL.Add(CONFIG_FILE)
ModelConfig: Any = GetMessageClass(POOL.FindMessageTypeByName("inference.ModelConfig"))
"""The class of the message `inference.ModelConfig`."""
CLASSES = [GetMessageClass(descriptor) for descriptor in ModelConfig.DESCRIPTOR.file.message_types_by_name.values()]
"""Held for good: protobuf crashes when it is asked for a class that the garbage collection has begun to take apart."""
