"""Requests: those that a model is given, and those that it makes of other models."""

import json

from triton_python_backend_utils.responses import InferenceResponseSender

TRITONSERVER_REQUEST_FLAG_SEQUENCE_START = 1
TRITONSERVER_REQUEST_FLAG_SEQUENCE_END = 2
TRITONSERVER_REQUEST_RELEASE_ALL = 1
TRITONSERVER_REQUEST_RELEASE_RESCHEDULE = 2
TRITONSERVER_MEMORY_CPU = 0
TRITONSERVER_MEMORY_GPU = 1


class PreferredMemory:
    """Where a model would like to have the outputs of a call; here they are always in the process's memory."""

    def __init__(self, preferred_memory_type, preferred_device_id=0):
        self.preferred_memory_type = preferred_memory_type
        self.preferred_device_id = preferred_device_id


class InferenceTrace:
    """Stands for the trace of a request."""

    def get_context(self):
        return None


class InferenceRequest:
    """A request to a model. The server makes those that a model is given, with `_origin` as its side of them."""

    __slots__ = (
        "_correlation_id",
        "_flags",
        "_id",
        "_inputs",
        "_model_name",
        "_model_version",
        "_origin",
        "_outputs",
        "_preferred_memory",
        "_release_flags",
        "_sender",
        "_timeout",
        "_trace",
        "given_parameters",
    )  # fmt: skip

    def __init__(
        self, model_name="", requested_output_names=(), inputs=(), request_id="", correlation_id=0, model_version=-1,
        flags=0, timeout=0, preferred_memory=None, trace=None, parameters=None, _origin=None,
    ):  # fmt: skip
        if isinstance(parameters, dict):
            _check_parameters(parameters)
        self._model_name = model_name
        self._outputs = requested_output_names
        self._inputs = inputs
        self._id = request_id
        self._correlation_id = correlation_id
        self._model_version = model_version
        self._flags = flags
        self._timeout = timeout
        self._preferred_memory = preferred_memory
        self._trace = trace
        self.given_parameters = parameters or {}
        self._origin = _origin
        self._sender = None
        self._release_flags = TRITONSERVER_REQUEST_RELEASE_ALL

    def __repr__(self):
        return f"<InferenceRequest {self._id or 'without id'} of {self._model_name or 'a client'}>"

    def inputs(self):
        return self._inputs

    def request_id(self):
        return self._id

    def correlation_id(self):
        return self._correlation_id

    def model_name(self):
        return self._model_name

    def model_version(self):
        return self._model_version

    def flags(self):
        return self._flags

    def set_flags(self, flags):
        self._flags = flags

    def timeout(self):
        return self._timeout

    def parameters(self):
        """The request's parameters as JSON."""
        return json.dumps(dict(self.given_parameters))

    def requested_output_names(self):
        return list(self._outputs)

    def preferred_memory(self):
        return self._preferred_memory

    def trace(self):
        return self._trace or InferenceTrace()

    def is_cancelled(self):
        return self._origin is not None and self._origin.is_cancelled()

    def set_release_flags(self, flags):
        self._release_flags = flags

    def get_response_sender(self):
        if self._origin is None:
            raise RuntimeError("only a request that the server has given to a model has a response sender")
        if self._sender is None:
            self._sender = InferenceResponseSender(self._origin)
        return self._sender

    def exec(self, decoupled=False):
        """Ask the model, and wait: a response, or an iterator of responses that an empty one ends."""
        from triton_python_backend_utils import calls

        return calls.run(self, decoupled)

    def async_exec(self, decoupled=False):
        """The same, to be awaited."""
        from triton_python_backend_utils import calls

        return calls.run_async(self, decoupled)


def _check_parameters(parameters):
    for key, value in parameters.items():
        if not isinstance(key, str):
            raise RuntimeError(f"Expect parameters keys to have type str, found type {type(key)}")
        if not isinstance(value, (bool, int, float, str)):
            raise RuntimeError(f"Expect parameters values to have type bool/int/str, found type {type(value)}")
