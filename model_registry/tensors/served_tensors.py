"""A version of any kind that answers requests of tensors, as protocols see it."""

from typing import Protocol

from handler.tensors.requests import TensorRequest
from handler.tensors.spec import OnResponse
from model_registry.tensors.tensor_reply import PendingResponses
from model_registry.tensors.tensor_version import TensorModel


class ServedTensors(Protocol):
    """A version of a model: of a repository, an archive that declares its tensors, or one that traffic rules chose."""

    @property
    def name(self) -> str:
        """The name of the model."""

    @property
    def version(self) -> str:
        """The version's number."""

    @property
    def model(self) -> TensorModel:
        """The facts that its clients see."""

    def submit_tensors(self, request: TensorRequest, on_response: OnResponse) -> PendingResponses:
        """Accept a request; its responses come to the function, on the event loop. Raises TensorError."""
