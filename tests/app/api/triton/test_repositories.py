import base64
import json
from pathlib import Path

import pytest

from tests.support.repositories import ADD_SUB, MODELS, copy_models, serving_repository

pytestmark = pytest.mark.anyio


async def test_models_are_loaded_and_unloaded_on_demand(tmp_path: Path) -> None:
    repository = copy_models(tmp_path / "repository", "add_sub", "ens_math")
    async with serving_repository(repository, mode="explicit") as client:
        post = client.http.post
        assert (await post("/v2/repository/index")).json() == [{"name": "add_sub"}, {"name": "ens_math"}]
        assert (await post("/v2/repository/models/ens_math/load")).status_code == 200
        assert (await post("/v2/models/add_sub/infer", json=ADD_SUB)).status_code == 200
        names = [model["modelName"] for model in (await client.http.get("/models")).json()["models"]]
        assert names == ["add_sub", "ens_math"]
        assert (await post("/v2/repository/models/add_sub/unload")).status_code == 200
        assert (await post("/v2/models/add_sub/infer", json=ADD_SUB)).status_code == 404
        assert (await client.http.get("/models")).json()["models"] == []


async def test_a_model_may_come_with_the_call(tmp_path: Path) -> None:
    (tmp_path / "repository").mkdir()
    source = (MODELS / "add_sub" / "1" / "model.py").read_bytes()
    tensors = [{"name": f"{{}}{index}", "data_type": "TYPE_FP32", "dims": [4]} for index in (0, 1)]
    inputs, outputs = (
        [{**tensor, "name": str(tensor["name"]).format(name)} for tensor in tensors] for name in ("INPUT", "OUTPUT")
    )
    config = json.dumps({"backend": "python", "max_batch_size": 8, "input": inputs, "output": outputs})
    parameters = {"config": config, "file:1/model.py": base64.b64encode(source).decode()}
    async with serving_repository(tmp_path / "repository", mode="explicit") as client:
        loaded = await client.http.post("/v2/repository/models/sent/load", json={"parameters": parameters})
        assert loaded.status_code == 200, loaded.text
        answer = await client.http.post("/v2/models/sent/infer", json=ADD_SUB)
        assert answer.json()["model_name"] == "sent"
        outside = {"config": config, "file:../model.py": parameters["file:1/model.py"]}
        assert (await client.http.post("/v2/repository/models/x/load", json={"parameters": outside})).status_code == 500


async def test_wrong_bodies_are_refused(tmp_path: Path) -> None:
    async with serving_repository(copy_models(tmp_path / "repository", "add_sub"), mode="explicit") as client:
        for parameters in ({"other": "x"}, {"config": 1}, {"config": "{}", "file:1/model.py": "not base64!"}):
            refused = await client.http.post("/v2/repository/models/add_sub/load", json={"parameters": parameters})
            assert refused.status_code == 500
            assert refused.json()["error"]
        assert (await client.http.post("/v2/repository/index", json={"ready": "yes"})).status_code == 500
        assert (await client.http.post("/v2/repository/r/models/add_sub/load")).status_code == 501
