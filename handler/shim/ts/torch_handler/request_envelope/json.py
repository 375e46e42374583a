"""The envelope `json`: {"instances": [...]} in, {"predictions": [...]} out, as TensorFlow Serving has it."""

import base64
import itertools
import json

from ts.torch_handler.request_envelope.base import BaseEnvelope


class JSONEnvelope(BaseEnvelope):
    """The handler gets the instances of all requests as one list; each client gets its own predictions as JSON text."""

    _lengths = ()

    def parse_input(self, data):
        """All instances in order; IndexError for a request without any, KeyError for one without the key."""
        requests = [_instances(row) for row in data]
        self._lengths = [len(instances) for instances in requests]
        return list(itertools.chain.from_iterable(requests))

    def format_output(self, data):
        """The predictions, dealt out to the requests as their instances came."""
        predictions = iter(data)
        return [json.dumps({"predictions": list(itertools.islice(predictions, length))}) for length in self._lengths]


def _instances(row):
    instances = (row.get("data") or row.get("body") or row)["instances"]
    # The first instance tells for all of a request whether they are dicts, as in TorchServe.
    return [_opened(instance) for instance in instances] if isinstance(instances[0], dict) else instances


def _opened(instance):
    if _is_base64(instance):
        return base64.b64decode(instance["b64"])
    return {key: base64.b64decode(value["b64"]) if _is_base64(value) else value for key, value in instance.items()}


def _is_base64(value):
    return isinstance(value, dict) and list(value) == ["b64"]
