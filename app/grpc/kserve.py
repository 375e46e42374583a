"""KServe's gRPC port: the Open Inference Protocol for archives, with codes that KServe's client handles well."""

from typing import Any

import grpc

from app.api.kserve.models import KServeModels
from app.api.kserve.routes import EXTENSIONS
from app.errors import BadRequest, ModelUnknown
from app.grpc.errors import Failure, failure
from app.grpc.messages import TRITON, message
from app.grpc.open_inference import OpenInferenceApis
from app.grpc.triton.service import TritonEdge
from app.model_server import ModelServer
from app.release import version
from handler.errors import HandlerError
from model_registry.errors import ModelNotFound, VersionNotFound


class KServeApis(OpenInferenceApis):
    """Answers the calls; a model that cannot be loaded is refused at once."""

    _has_plain_strings = True

    def __init__(self, server: ModelServer) -> None:
        super().__init__(server.registry, TRITON)
        self._models = KServeModels(server)

    async def server_metadata(self, request: Any) -> Any:
        """The name of the server, and what it can do."""
        return message(TRITON, "ServerMetadataResponse")(name="marserve", version=version(), extensions=EXTENSIONS)

    async def model_ready(self, request: Any) -> Any:
        """Whether a model serves."""
        ready = self._models.is_ready(request.name, request.version or None)
        return message(TRITON, "ModelReadyResponse")(ready=ready)

    async def model_metadata(self, request: Any) -> Any:
        """The versions of a model."""
        return message(TRITON, "ModelMetadataResponse")(name=request.name, versions=self._models.versions(request.name))

    async def model_infer(self, request: Any) -> Any:
        """A prediction; an id of white space counts as none."""
        if not request.inputs:
            raise BadRequest("The request has no inputs.")
        self._models.check_ready(request.model_name, request.model_version or None)
        if not request.id.strip():
            request.id = ""
        return await super().model_infer(request)


class KServeEdge(TritonEdge):
    """Translates errors: UNAVAILABLE, on which KServe's client tries again, is for what may pass."""

    def _archives(self) -> OpenInferenceApis:
        return KServeApis(self._server)

    def _failure(self, error: Exception, path: str) -> Failure:
        translated = failure(error, predicting=False)
        code = translated.code
        if isinstance(error, ModelNotFound | ModelUnknown | VersionNotFound):
            code = grpc.StatusCode.NOT_FOUND
        elif isinstance(error, HandlerError) and code is grpc.StatusCode.UNAVAILABLE:
            code = grpc.StatusCode.INTERNAL
        return Failure(translated.status, code, translated.message, "")
