"""The lines that describe the configuration at the start."""

import io
from pathlib import Path

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


def test_it_tells_no_secret(tmp_path: Path) -> None:
    console = io.StringIO()
    settings = Settings(management_token="open sesame", keystore_pass="open sesame")
    logs = configure(settings, console)
    log_configuration(settings, gpus=0)
    logs.close()
    assert "sesame" not in console.getvalue()
