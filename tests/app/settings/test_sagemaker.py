"""SageMaker's variables become settings, and nothing changes where there are none."""

from pathlib import Path

import pytest

from app.settings.errors import ConfigurationError
from app.settings.loading import marserve_settings
from app.settings.model import Settings
from app.settings.sagemaker import sagemaker_mode, sagemaker_targets


def settings(tmp_path: Path, **environ: str) -> Settings:
    for folder in ("model", "models"):
        (tmp_path / folder).mkdir(exist_ok=True)
    return marserve_settings({"SAGEMAKER_BASE_DIR": str(tmp_path), **environ}, tmp_path, host="0.0.0.0")


@pytest.mark.parametrize(
    ("environ", "mode"),
    [
        ({}, None),
        ({"SAGEMAKER_REGION": "eu-west-1"}, None),  # also in notebooks
        ({"SAGEMAKER_BIND_TO_PORT": "8080"}, "single-model"),
        ({"SAGEMAKER_SAFE_PORT_RANGE": "9000-9999"}, "single-model"),
        ({"SAGEMAKER_MULTI_MODEL": "true"}, "multi-model"),
        ({"SAGEMAKER_MULTI_MODEL": "True", "SAGEMAKER_BIND_TO_PORT": "8080"}, "multi-model"),
        ({"SAGEMAKER_MULTI_MODEL": "false"}, "single-model"),
        ({"SAGEMAKER_MULTI_MODEL": "1"}, "single-model"),
    ],
)
def test_a_container_of_sagemaker_is_told_by_its_variables(environ: dict[str, str], mode: str | None) -> None:
    assert sagemaker_mode(environ) == mode


def test_an_endpoint_serves_its_folder_at_the_port_it_is_told(tmp_path: Path) -> None:
    found = settings(tmp_path, SAGEMAKER_BIND_TO_PORT="9123", PORT="8080")
    assert (found.inference_address.port, found.authorization, found.sagemaker) == (9123, "off", "single-model")
    assert sagemaker_targets(found) == [str(tmp_path / "model")]


def test_models_of_a_multi_model_endpoint_come_by_requests(tmp_path: Path) -> None:
    found = settings(tmp_path, SAGEMAKER_MULTI_MODEL="true", TS_LOAD_MODELS="")
    assert (found.model_store, found.load_models, sagemaker_targets(found)) == (tmp_path / "models", (), [])


def test_variables_of_its_toolkits_count(tmp_path: Path) -> None:
    found = settings(
        tmp_path, SAGEMAKER_BIND_TO_PORT="80", SAGEMAKER_MODEL_SERVER_WORKERS="3", SAGEMAKER_MODEL_SERVER_TIMEOUT="70",
        SAGEMAKER_TS_BATCH_SIZE="8", SAGEMAKER_TS_MAX_BATCH_DELAY="20", SAGEMAKER_CONTAINER_LOG_LEVEL="30",
        SAGEMAKER_MAX_PAYLOAD_IN_MB="0",
    )  # fmt: skip
    assert (found.default_workers_per_model, found.default_response_timeout, found.batch_size) == (3, 70, 8)
    assert (found.max_batch_delay, found.log_levels, found.max_request_size) == (20, {"": "warning"}, 100 << 20)


def test_its_variables_mean_nothing_anywhere_else(tmp_path: Path) -> None:
    found = settings(tmp_path, SAGEMAKER_MODEL_SERVER_WORKERS="3")
    assert (found.default_workers_per_model, found.model_store, found.sagemaker) == (1, None, None)


def test_those_of_torchserve_win(tmp_path: Path) -> None:
    found = settings(
        tmp_path, SAGEMAKER_BIND_TO_PORT="8080", SAGEMAKER_MODEL_SERVER_WORKERS="3", TS_DEFAULT_WORKERS_PER_MODEL="2"
    )
    assert found.default_workers_per_model == 2


def test_a_wrong_value_is_named(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="variable SAGEMAKER_BIND_TO_PORT"):
        settings(tmp_path, SAGEMAKER_BIND_TO_PORT="http")
    with pytest.raises(ConfigurationError, match="variable SAGEMAKER_TS_BATCH_SIZE"):
        settings(tmp_path, SAGEMAKER_BIND_TO_PORT="8080", SAGEMAKER_TS_BATCH_SIZE="many")


def test_ports_outside_of_the_safe_range_are_warned_of(tmp_path: Path) -> None:
    found = settings(
        tmp_path, SAGEMAKER_SAFE_PORT_RANGE="9000-9999", TS_GRPC_INFERENCE_PORT="7070", TS_GRPC_MANAGEMENT_PORT="9001"
    )
    (warning,) = [each for each in found.warnings if "SAFE_PORT" in each]
    assert warning.startswith("grpc_inference_port: 7070 is outside")
    assert found.grpc_apis == ("inference",)  # whoever shares the machine would manage without a token
    (broken,) = [each for each in settings(tmp_path, SAGEMAKER_SAFE_PORT_RANGE="some").warnings if "SAFE_PORT" in each]
    assert "is no range of ports" in broken
