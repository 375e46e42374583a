"""The lines that describe the configuration at the start."""

import io
from pathlib import Path
from typing import Any

import pytest

from app.logging.files import configure
from app.logging.startup_log import log_configuration
from app.release import version
from app.settings.model import Settings


@pytest.fixture
def lines(tmp_path: Path) -> list[str]:
    """The lines of ts_log.log after the configuration was logged."""
    settings = Settings(log_location=tmp_path, load_models="a=a.mar,b.mar", job_queue_size=3)  # type: ignore[arg-type]
    logs = configure(settings, io.StringIO())
    log_configuration(settings, gpus=2)
    logs.close()
    return (tmp_path / "ts_log.log").read_text().splitlines()


def test_it_begins_as_torchserve_begins(lines: list[str]) -> None:
    assert lines[0].endswith(" [INFO ] main org.pytorch.serve.ModelServer - ")
    assert lines[1] == "Torchserve version: 0.12.0"


def test_it_names_marserves_own_version(lines: list[str]) -> None:
    assert f"marserve version: {version()}" in lines


@pytest.mark.parametrize(
    "line",
    [
        "Number of GPUs: 2",
        "Inference address: http://127.0.0.1:8080",
        "Initial Models: a=a.mar,b.mar",
        "Model Store: N/A",
        "Allowed Urls: [file://.*|http(s)?://.*]",
        "Limit Maximum Image Pixels: true",
        "Metrics mode: LOG",
        "System metrics command: default",
        "Model API enabled: false",
    ],
)
def test_it_tells_the_configuration_in_torchserves_words(lines: list[str], line: str) -> None:
    assert line in lines


@pytest.mark.parametrize(
    ("options", "line"),
    [
        (
            {"authorization": "all", "enable_model_api": True},
            "every call needs a token (--disable-token-auth: none does).",
        ),
        (
            {"authorization": "off"},
            "no model can be registered while the server runs (--enable-model-api: they can).",
        ),
        ({"authorization": "off", "enable_model_api": True}, None),
    ],
)
def test_what_older_configurations_do_not_expect_is_said_with_its_cure(
    tmp_path: Path, options: dict[str, Any], line: str | None
) -> None:
    logs = configure(Settings(log_location=tmp_path), console := io.StringIO())
    log_configuration(Settings(**options), gpus=0)
    logs.close()
    said = [each for each in console.getvalue().splitlines() if "since 0.11.1" in each]
    assert len(said) == (line is not None)
    assert line is None or said[0].endswith(f"As in TorchServe since 0.11.1, {line}")


def test_it_tells_no_secret(tmp_path: Path) -> None:
    console = io.StringIO()
    settings = Settings(management_token="open sesame", keystore_pass="open sesame")
    logs = configure(settings, console)
    log_configuration(settings, gpus=0)
    logs.close()
    assert "sesame" not in console.getvalue()
