"""Responses of inference over gRPC, as their messages."""

from app.grpc.triton.infer_parameters import write_parameter
from app.grpc.triton.raw_contents import InferMessage, Response
from app.open_inference.infer_request import InferRequest
from app.open_inference.infer_response import shown, write_to_region
from app.open_inference.output_format import Regions
from handler.tensors.requests import TensorResponse
from handler.tensors.signature import Signature
from handler.tensors.tensor import Raw

FINAL_RESPONSE = "triton_final_response"


def response_message(
    asked: InferRequest, response: TensorResponse, signature: Signature, version: str, regions: Regions
) -> InferMessage:
    """The message of a response without an error; raises TensorError where an output cannot be written."""
    fields = Response(model_name=signature.model, model_version=version, id=asked.request.id)
    raw: list[Raw] = []
    for output in response.outputs:
        wanted = asked.formats.get(output.name, asked.default)
        tensor = shown(output, wanted, signature)
        fields.outputs.add(name=tensor.name, datatype=tensor.datatype.name, shape=tensor.shape)
        if wanted.region is not None:
            write_to_region(tensor, wanted.region, regions)
            raw.append(b"")  # clients count raw contents by outputs
        else:
            raw.append(tensor.raw)
    for name, value in response.parameters.items():
        write_parameter(fields.parameters[name], value)
    return InferMessage(fields, raw)
