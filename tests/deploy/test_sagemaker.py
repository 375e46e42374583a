"""A container on SageMaker: the platform is played, the container is the image's entry point as it is started there."""

import json
import zipfile
from pathlib import Path

import pytest
import yaml

from tests.conftest import MakeArchive
from tests.support.dockerfile import stages
from tests.support.sagemaker import Endpoint, model_name, pack

ECHO = """
    class Echo:
        def initialize(self, context):
            pass
        def handle(self, data, context):
            context.set_response_header(0, "X-Amzn-SageMaker-Custom-Attributes", "seen")
            return [row["body"] if isinstance(row["body"], dict) else len(row["body"]) for row in data]
"""
TAKES_ONE_OF_TWO_PLACES = """
    import fcntl, gc
    from pathlib import Path
    PLACES = Path({folder!r})
    class Large:
        def initialize(self, context):
            gc.collect()
            for number in range(2):
                self.place = (PLACES / f"place-{{number}}").open("w")
                try:
                    fcntl.flock(self.place, fcntl.LOCK_EX | fcntl.LOCK_NB)
                    return
                except BlockingIOError:
                    self.place.close()
            raise MemoryError("both places are taken")
        def handle(self, data, context):
            header = context.get_request_header(0, "X-Amzn-SageMaker-Target-Model")
            return [f"{{header}}: {{row['body']}}" for row in data]
"""
BROKEN = """
    class Broken:
        def initialize(self, context):
            raise ValueError("broken")
        def handle(self, data, context):
            return data
"""
MEBIBYTE = 1 << 20


def unpacked(archive: Path, folder: Path) -> Path:
    """An archive as a folder."""
    with zipfile.ZipFile(archive) as content:
        content.extractall(folder)
    return folder


def test_one_model_is_served_at_the_port_that_the_platform_names(tmp_path: Path, archive: MakeArchive) -> None:
    pack(tmp_path / "s3", "model.tar.gz", archive("echo", ECHO))  # an archive in an artifact
    with Endpoint(
        tmp_path / "s3", tmp_path / "opt-ml", is_multi_model=False, SAGEMAKER_TS_BATCH_SIZE="4",
        SAGEMAKER_MODEL_SERVER_WORKERS="2", SAGEMAKER_CONTAINER_LOG_LEVEL="20", SAGEMAKER_MAX_PAYLOAD_IN_MB="12",
    ) as endpoint:  # fmt: skip
        endpoint.download("model.tar.gz", tmp_path / "opt-ml" / "model")
        endpoint.until_in_service()
        answer = endpoint.invoke(b'{"a": 1}')
        assert (answer.status, json.loads(answer.body)) == (200, {"a": 1})
        assert answer.headers["x-amzn-sagemaker-custom-attributes"] == "seen"
        assert endpoint.invoke(b"[" + b"1," * (5 * MEBIBYTE) + b"1]").body == str(5 * MEBIBYTE + 1).encode()
        assert endpoint.invoke(b"1" * (13 * MEBIBYTE)).status == 413
        parameters = json.loads(endpoint.ask("GET", "/execution-parameters").body)
        assert parameters == {"MaxConcurrentTransforms": 8, "BatchStrategy": "SINGLE_RECORD", "MaxPayloadInMB": 12}
        for method, path in (("POST", "/models?url=echo.mar"), ("GET", "/models"), ("DELETE", "/models/echo")):
            assert endpoint.ask(method, path).status in (404, 405)  # strangers manage nothing
        assert endpoint.stop() == 0


def test_a_model_that_cannot_load_fails_the_deployment(tmp_path: Path, archive: MakeArchive) -> None:
    folder = unpacked(archive("broken", BROKEN), tmp_path / "unpacked")
    pack(tmp_path / "s3", "model.tar.gz", folder)
    with Endpoint(tmp_path / "s3", tmp_path / "opt-ml", is_multi_model=False) as endpoint:
        endpoint.download("model.tar.gz", tmp_path / "opt-ml" / "model")
        endpoint.until_written("ValueError: broken")
        assert endpoint.ping() == 500


def test_an_empty_artifact_ends_the_container_with_the_reason(tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    pack(tmp_path / "s3", "model.tar.gz", tmp_path / "empty")
    with Endpoint(tmp_path / "s3", tmp_path / "opt-ml", is_multi_model=False) as endpoint:
        assert endpoint.until_ended() == 1
    assert "cannot be served" in endpoint.output


def test_models_are_loaded_when_they_are_asked_for_and_make_place_for_others(
    tmp_path: Path, archive: MakeArchive
) -> None:
    source = TAKES_ONE_OF_TWO_PLACES.format(folder=str(tmp_path))
    names = ["a.tar.gz", "b.tar.gz", "folder/c.tar.gz"]
    (tmp_path / "s3" / "folder").mkdir(parents=True)
    for number, name in enumerate(names):  # all three forms: contents, a folder with the contents, an archive
        path = archive("same", source, file=f"same-{number}.mar")
        folder = tmp_path / f"form-{number}"
        unpacked(path, folder / "same" if number == 1 else folder)
        pack(tmp_path / "s3", name, path if number == 2 else folder)
    with Endpoint(tmp_path / "s3", tmp_path / "opt-ml", is_multi_model=True) as endpoint:
        endpoint.until_in_service()
        assert json.loads(endpoint.ask("GET", "/models").body) == {"models": []}
        for name in [*names, *names, names[-1]]:
            answer = endpoint.invoke_model(name, b"x")
            assert (answer.status, answer.body) == (200, f"{name}: x".encode()), endpoint.output
        assert endpoint.loaded == [model_name(names[1]), model_name(names[2])]
        _check_the_contract(endpoint, names, tmp_path)
        assert endpoint.ping() == 200
        assert endpoint.stop() == 0


def _check_the_contract(endpoint: Endpoint, names: list[str], folder: Path) -> None:
    """The other requests of the platform, while the last two models are loaded."""
    listed = json.loads(endpoint.ask("GET", "/models?limit=1").body)
    rest = json.loads(endpoint.ask("GET", f"/models?next_page_token={listed['nextPageToken']}").body)
    assert sorted(each["modelName"] for each in listed["models"] + rest["models"]) == sorted(endpoint.loaded)
    name = endpoint.loaded[0]
    url = str(folder / "opt-ml" / "models" / name / "model")
    assert json.loads(endpoint.ask("GET", f"/models/{name}").body) == {"modelName": name, "modelUrl": url}
    assert endpoint.load(names[1]).status == 409
    gone = model_name(names[0])
    for method, path in (("GET", f"/models/{gone}"), ("DELETE", f"/models/{gone}"), ("POST", f"/models/{gone}/invoke")):
        assert endpoint.ask(method, path, b"x").status == 404
    assert endpoint.ask("POST", "/models", b"{}", {"Content-Type": "application/json"}).status == 400
    assert endpoint.ask("PUT", f"/models/{name}?min_worker=9").status in (404, 405)


def test_the_image_says_what_it_can_and_runs_as_the_user_that_the_platform_wants() -> None:
    stage = stages()["sagemaker"]
    labels = " ".join(stage.all("LABEL"))
    assert "com.amazonaws.sagemaker.capabilities.accept-bind-to-port=true" in labels
    assert "com.amazonaws.sagemaker.capabilities.multi-models=true" in labels
    assert stage.all("USER") == ["0:0"]
    assert "SAGEMAKER_BIND_TO_PORT=8080" in " ".join(stage.all("ENV"))


@pytest.mark.parametrize("name", ["single-model.yaml", "multi-model.yaml"])
def test_the_templates_name_the_image_and_the_mode(name: str) -> None:
    path = Path(__file__).parents[2] / "deploy" / "sagemaker" / name
    resources = yaml.safe_load(path.read_text(encoding="utf-8"))["Resources"]
    (container,) = [each for each in resources.values() if each["Type"] == "AWS::SageMaker::Model"]
    primary = container["Properties"]["PrimaryContainer"]
    assert primary.get("Mode", "SingleModel") == ("MultiModel" if name.startswith("multi") else "SingleModel")
    assert primary["Image"]["Ref"] == "Image"
