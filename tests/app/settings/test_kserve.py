"""A runtime of KServe's by its environment: which addresses it has."""

from pathlib import Path

import pytest

from app.application import addresses
from app.commands.options import torchserve_parser
from app.settings.kserve import has_request_envelope
from app.settings.loading import torchserve_settings
from app.settings.model import Settings


def started(folder: Path, properties: str = "", **environ: str) -> Settings:
    (folder / "config.properties").write_text(f"enable_envvars_config=true\nmodel_store={folder}\n{properties}")
    arguments = torchserve_parser().parse_args(["--start", "--foreground"])
    return torchserve_settings(arguments, {"PROTOCOL_VERSION": "v1", **environ}, folder)


def shown(settings: Settings) -> dict[str, tuple[str, ...]]:
    return {str(address): apis for address, apis in addresses(settings).items()}


def test_the_port_of_kserve_is_beside_those_of_its_examples(tmp_path: Path) -> None:
    both = "http://0.0.0.0:8085"
    settings = started(
        tmp_path, f"inference_address={both}\nmanagement_address={both}\nmetrics_address=http://0.0.0.0:8082"
    )
    assert shown(settings) == {
        both: ("inference", "management", "metrics"),
        "http://0.0.0.0:8082": ("metrics",),
        "http://0.0.0.0:8080": ("kserve", "inference"),
    }  # fmt: skip
    assert settings.authorization == "management"
    assert settings.grpc_apis == ("inference", "management", "kserve")
    assert (settings.grpc_inference_address, settings.grpc_management_address) == ("0.0.0.0", "127.0.0.1")


def test_torchserves_defaults_make_way(tmp_path: Path) -> None:
    settings = started(tmp_path, TS_DISABLE_TOKEN_AUTHORIZATION="true")
    assert list(shown(settings)) == ["http://127.0.0.1:8085", "http://127.0.0.1:8082", "http://0.0.0.0:8080"]
    assert (settings.authorization, settings.metrics_mode) == ("off", "prometheus")


@pytest.mark.parametrize(
    ("properties", "environ", "expected"),
    [
        ("inference_address=http://127.0.0.1:8080", {}, "http://0.0.0.0:8080"),
        ("", {"TS_INFERENCE_ADDRESS": "http://0.0.0.0:9090"}, "http://0.0.0.0:9090"),
        ("", {"MARSERVE_KSERVE_ADDRESS": "http://0.0.0.0:9091"}, "http://0.0.0.0:9091"),
    ],
)
def test_its_port_can_be_another(tmp_path: Path, properties: str, environ: dict[str, str], expected: str) -> None:
    settings = started(tmp_path, properties, **environ)
    assert shown(settings)[expected] == ("kserve", "inference")
    assert all(apis != ("inference",) for apis in shown(settings).values()) or "9091" in expected


def test_a_configuration_that_has_the_grpc_port_keeps_it(tmp_path: Path) -> None:
    settings = started(tmp_path, "management_address=http://0.0.0.0:8081")
    assert settings.grpc_apis == ("inference", "management")
    assert "no gRPC for KServe: port 8081" in settings.warnings[-1]


def test_other_servers_are_none(tmp_path: Path) -> None:
    settings = started(tmp_path, PROTOCOL_VERSION="v3", TS_SERVICE_ENVELOPE="kserve")
    assert (settings.kserve_protocol, settings.authorization, has_request_envelope(settings)) == (None, "all", False)
    assert has_request_envelope(started(tmp_path, TS_SERVICE_ENVELOPE="kservev2"))
