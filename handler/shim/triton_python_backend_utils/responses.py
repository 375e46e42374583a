"""Responses of models, and how they are sent."""

from triton_python_backend_utils.errors import TritonError

TRITONSERVER_RESPONSE_COMPLETE_FINAL = 1


class InferenceResponse:
    """Tensors, or an error."""

    __slots__ = ("_error", "_tensors", "given_parameters")

    def __init__(self, output_tensors=(), error=None, parameters=None):
        if error is not None and not isinstance(error, TritonError):
            raise TypeError(f"error has to be a TritonError, not {type(error)}")
        self._tensors = output_tensors
        self._error = error
        self.given_parameters = parameters or {}

    def __repr__(self):
        return f"<InferenceResponse {self._error!r}>" if self._error else f"<InferenceResponse {self._tensors}>"

    def output_tensors(self):
        return list(self._tensors)

    def has_error(self):
        return self._error is not None

    def error(self):
        return self._error

    def parameters(self):
        import json

        return json.dumps(self.given_parameters)


class InferenceResponseSender:
    """Sends the responses to one request, from any thread."""

    def __init__(self, origin):
        self._origin = origin

    def send(self, response=None, flags=0):
        """Send a response, or only say with `flags` that there are no more."""
        if flags not in (0, TRITONSERVER_RESPONSE_COMPLETE_FINAL):
            raise RuntimeError(
                "Unable to send response. Unsupported flag provided: only 0 and TRITONSERVER_RESPONSE_COMPLETE_FINAL"
            )
        if response is None and flags == 0:
            raise RuntimeError("Inference Response object must be provided when the response flags is set to zero.")
        self._origin.send(response, flags == TRITONSERVER_RESPONSE_COMPLETE_FINAL)

    def is_cancelled(self):
        return self._origin.is_cancelled()


def get_input_tensor_by_name(inference_request, name):
    for tensor in inference_request.inputs():
        if tensor.name() == name:
            return tensor
    return None


def get_output_tensor_by_name(inference_response, name):
    if inference_response.has_error():
        return None
    for tensor in inference_response.output_tensors():
        if tensor.name() == name:
            return tensor
    return None
