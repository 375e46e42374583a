"""The envelope `kservev2`: version 2 of KServe's protocol, the Open Inference Protocol."""

import json

import numpy as np

from ts.torch_handler.request_envelope.base import BaseEnvelope

_DATATYPES = {
    "bool": "BOOL",
    "uint8": "UINT8",
    "uint16": "UINT16",
    "uint32": "UINT32",
    "uint64": "UINT64",
    "int8": "INT8",
    "int16": "INT16",
    "int32": "INT32",
    "int64": "INT64",
    "float16": "FP16",
    "float32": "FP32",
    "float64": "FP64",
    "object": "BYTES",
}


class KServev2Envelope(BaseEnvelope):
    """The handler gets the inputs of the first request, so the batch size has to be 1; its results are the outputs.

    Between the two the context keeps `input_names` and `input_request_id`.
    """

    def parse_input(self, data):
        """The inputs as dicts, their `data` in their shape; strings (BYTES) as their first element.

        KeyError for an input without name or data, ValueError where data and shape disagree.
        """
        body = data[0].get("data") or data[0].get("body")
        if isinstance(body, (bytes, bytearray)):
            body = json.loads(body)
        self.context.input_request_id = body.get("id") if isinstance(body, dict) else None
        self.context.input_names = [given["name"] for given in body["inputs"]]
        return [{**given, "data": _shaped(given)} for given in body["inputs"]]

    def format_output(self, data):
        """One answer: the request's id or ours, the model's name and version, and an output named after each input."""
        context = self.context
        names, request_id = context.input_names, context.input_request_id
        del context.input_names, context.input_request_id
        model = context.manifest["model"]
        return [
            {
                "id": request_id or context.get_request_id(0),
                "model_name": model.get("modelName"),
                "model_version": model.get("modelVersion"),
                "outputs": [_output(names[index], result) for index, result in enumerate(data)],
            }
        ]


def _shaped(given):
    if given.get("datatype") == "BYTES":
        return given["data"][0]
    return np.array(given["data"]).reshape(given["shape"]).tolist()


def _output(name, result):
    flat = np.asarray(result).flatten()
    # Texts of any length are BYTES; a type that the protocol lacks raises KeyError.
    datatype = "BYTES" if flat.dtype.kind == "U" else _DATATYPES[flat.dtype.name]
    return {"name": name, "datatype": datatype, "data": flat.tolist(), "shape": flat.shape}
