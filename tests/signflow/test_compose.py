"""SignFlow's compose files: their shape, and that what they name is there: images, variables, commands, ports."""

import importlib
from copy import deepcopy
from pathlib import Path
from typing import Any

import pytest
import yaml

from app.settings.loading import marserve_settings
from app.settings.variables import OUR_VARIABLES, TS_VARIABLES
from signflow.backend.settings import Settings
from tests.support.dockerfile import ROOT, stages
from tests.support.shapes import faults

DEPLOY = ROOT / "deploy"
SIGNFLOW = DEPLOY / "signflow"
KINDS = ("cpu", "apple", "nvidia")
LABELS = {"*": str}
LIMITS = {"cpus": str, "memory": lambda value: value[:-1].isdigit() and value[-1] in "mg"}
GPU = {"driver": {"nvidia"}, "count": int, "capabilities": [{"gpu"}]}
SERVICE = {
    "image": str,
    "build": {
        "context": {"../..", "."}, "dockerfile?": {"deploy/Dockerfile"}, "target?": set(stages()),
        "additional_contexts?": {"marserve": {"service:marserve"}, "checkout": {"../.."}},
    },
    "platform?": {"linux/amd64", "linux/arm64"}, "command?": [str], "ports?": [str], "environment?": LABELS,
    "volumes?": [str], "extra_hosts?": [str], "read_only?": {True}, "tmpfs?": [{"/tmp:exec"}], "cap_drop?": [{"ALL"}],
    "security_opt?": [{"no-new-privileges:true"}], "stop_grace_period?": {"30s"}, "restart": {"no", "unless-stopped"},
    "depends_on?": {"archives": {"condition": {"service_completed_successfully"}}},
    "deploy?": {"resources": {"limits": LIMITS, "reservations?": {"devices": [GPU]}}},
}  # fmt: skip
SHAPE = {"services": {"archives": SERVICE, "marserve": SERVICE, "backend": SERVICE}, "volumes": {"store": {None}}}


def document(kind: str) -> dict[str, Any]:
    """A file with what it extends, as compose puts them together."""
    found = yaml.safe_load((SIGNFLOW / f"compose.{kind}.yaml").read_text())
    services = {name: _extended(service) for name, service in found["services"].items()}
    return {**{key: value for key, value in found.items() if not key.startswith("x-")}, "services": services}


def _extended(service: dict[str, Any]) -> dict[str, Any]:
    origin = service.pop("extends", None)
    if origin is None:
        return service
    parent = yaml.safe_load((SIGNFLOW / origin["file"]).read_text())["services"][origin["service"]]
    return _merged(deepcopy(parent), service)


def _merged(one: dict[str, Any], other: dict[str, Any]) -> dict[str, Any]:
    for key, value in other.items():
        one[key] = _merged(one[key], value) if isinstance(value, dict) and key in one else value
    return one


@pytest.fixture(params=KINDS)
def services(request: pytest.FixtureRequest) -> dict[str, Any]:
    """The services of each file."""
    return dict(document(request.param)["services"])


@pytest.mark.parametrize("kind", KINDS)
def test_a_file_has_the_shape_that_compose_reads(kind: str) -> None:
    assert list(faults(document(kind), SHAPE)) == []


def test_a_file_of_another_shape_is_noticed() -> None:
    broken = document("nvidia")
    broken["services"]["marserve"]["platform"] = "linux/riscv"
    broken["services"]["marserve"]["deploy"]["resources"]["limits"]["memory"] = "a lot"
    del broken["services"]["backend"]["image"]
    assert len(list(faults(broken, SHAPE))) == 3


def test_an_image_is_the_target_of_its_name(services: dict[str, Any]) -> None:
    for service in services.values():
        build = service["build"]
        assert service["image"] == (f"marserve:{build['target']}" if "target" in build else "signflow-backend")


def test_the_backend_finds_the_server_and_every_variable_is_read(services: dict[str, Any]) -> None:
    assert "TORCHSERVE_URL: ${TORCHSERVE_URL:-http://marserve:8080}" in (SIGNFLOW / "compose.cpu.yaml").read_text()
    wanted = {field.upper() for field in Settings.model_fields}
    assert set(services["backend"]["environment"]) <= wanted
    given = set(services["marserve"]["environment"])
    assert given <= OUR_VARIABLES.keys() | TS_VARIABLES.keys() | {"CUDA_VISIBLE_DEVICES"}


def test_the_server_starts_with_its_variables_and_locks_the_management(services: dict[str, Any]) -> None:
    environment = services["marserve"]["environment"]
    settings = marserve_settings(environment, Path("/"), host="0.0.0.0")
    assert settings.authorization == "management"
    assert [model.url for model in settings.load_models] == ["sign.mar"]
    assert settings.drain_timeout < int(services["marserve"]["stop_grace_period"].rstrip("s"))


def test_the_store_is_written_by_one_and_read_by_the_other(services: dict[str, Any]) -> None:
    place = services["archives"]["command"][-1]
    assert services["archives"]["volumes"] == [f"store:{place}"]
    assert services["marserve"]["volumes"] == [f"store:{place}:ro"]
    assert f"model_store={place}" in (DEPLOY / "serve.properties").read_text()


def test_the_command_for_the_archives_makes_them(services: dict[str, Any], tmp_path: Path) -> None:
    [*_, module, _] = services["archives"]["command"]
    if module == "signflow.training.torchscript_archive":
        pytest.importorskip("torch")
    importlib.import_module(module).main([str(tmp_path)])
    assert (tmp_path / "sign.mar").is_file()


def test_only_the_gpu_file_asks_for_one() -> None:
    for kind in KINDS:
        server = document(kind)["services"]["marserve"]
        assert ("reservations" in server["deploy"]["resources"]) == (kind == "nvidia")
        assert server["environment"]["TS_NUMBER_OF_GPU"] == ("1" if kind == "nvidia" else "0")
