"""KServe's gRPC port: codes that its client handles well; the recorded suite has the rest."""

from pathlib import Path

import grpc
import pytest

from app.errors import BadRequest, ModelNotReady, ModelUnknown
from app.grpc.kserve import KServeApis, KServeEdge
from handler.errors import PredictionFailed
from tests.conftest import MakeArchive
from tests.support.serving import serving

pytestmark = pytest.mark.anyio


async def test_only_what_may_pass_is_unavailable(store: Path) -> None:
    async with serving(store) as client:
        edge = KServeEdge(client.application)
        codes = {
            PredictionFailed(): "INTERNAL", ModelUnknown("m"): "NOT_FOUND", ModelNotReady("m"): "UNAVAILABLE",
            BadRequest("no"): "INVALID_ARGUMENT",
        }  # fmt: skip
        for error, code in codes.items():
            failure = edge._failure(error, "inference.GRPCInferenceService/ModelInfer")
            assert (failure.code, failure.details) == (grpc.StatusCode[code], str(error))


async def test_models_are_told_as_over_http(store: Path, archive: MakeArchive) -> None:
    archive("m", "def handle(data, context):\n    return data and ['served'] * len(data)\n")
    async with serving(store, "m.mar") as client:
        assert (await client.predict("m")).status_code == 200
        apis = KServeApis(client.application)
        from app.grpc.messages import TRITON, message

        asked = message(TRITON, "ModelReadyRequest")
        assert (await apis.model_ready(asked(name="m"))).ready
        assert list((await apis.model_metadata(message(TRITON, "ModelMetadataRequest")(name="m"))).versions) == ["1.0"]
        with pytest.raises(ModelUnknown):
            await apis.model_ready(asked(name="none"))
        with pytest.raises(BadRequest, match="no inputs"):
            await apis.model_infer(message(TRITON, "ModelInferRequest")(model_name="m"))
