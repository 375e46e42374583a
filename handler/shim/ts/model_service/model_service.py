"""The base classes of services in the style of MXNet Model Server."""

import abc
import ast
import json
import os


class ModelService(abc.ABC):
    """Reads the archive's signature file; a subclass has `inference` and `ping`."""

    def __init__(self, model_name, model_dir, manifest, gpu=None):
        self.ctx = None
        self._context = None
        self._signature = None

    def initialize(self, context):
        """Read the signature that the manifest names; ValueError where it is missing."""
        self._context = context
        path = os.path.join(context.system_properties.get("model_dir"), context.manifest["Model"]["Signature"])
        if not os.path.isfile(path):
            raise ValueError("Signature file is not found.")
        with open(path, encoding="utf-8") as file:
            self._signature = json.load(file)

    @abc.abstractmethod
    def inference(self, data):
        """The answer to a list of inputs."""

    @abc.abstractmethod
    def ping(self):
        """Whether the service is well."""

    def signature(self):
        """The content of the signature file."""
        return self._signature

    def handle(self, data, context):
        """The answer to the first row, as a list."""
        row = data[0]
        names = (self._signature["inputs"][0]["data_name"], "body", "data")
        value = next((row[name] for name in names if row.get(name) is not None), None)
        if self._signature["input_type"] == "application/json" and isinstance(value, (bytes, bytearray)):
            value = ast.literal_eval(value.decode("utf-8"))
        answer = self.inference([value])
        return answer if isinstance(answer, list) else [answer]


class SingleNodeService(ModelService):
    """A service for one model, in three stages; a subclass has `_inference`."""

    def inference(self, data):
        """Take the inputs through the three stages."""
        return self._postprocess(self._inference(self._preprocess(data)))

    @abc.abstractmethod
    def _inference(self, data):
        """The model's outputs for the inputs."""

    def _preprocess(self, data):
        return data

    def _postprocess(self, data):
        return data
