"""A start without a configuration goes on with the newest snapshot."""

from pathlib import Path

import pytest

from app.commands.options import torchserve_parser
from app.settings import properties
from app.settings.errors import ConfigurationError
from app.settings.last_snapshot import newest_snapshot
from app.settings.loading import marserve_settings, torchserve_settings
from app.settings.model import Settings

MODELS = '{"models": {"m": {"1.0": {"defaultVersion": true, "marName": "m.mar"}}}}'


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A working folder with an archive in its store."""
    (tmp_path / "store").mkdir()
    (tmp_path / "store/m.mar").write_bytes(b"")
    return tmp_path


def torchserve(folder: Path, *flags: str, **environ: str) -> Settings:
    return torchserve_settings(torchserve_parser().parse_args(["--start", *flags]), environ, folder)


def snapshot(folder: Path, name: str, logs: str = "logs", **more: str) -> str:
    (folder / logs / "config").mkdir(parents=True, exist_ok=True)
    values = {"model_store": str(folder / "store"), "model_snapshot": MODELS, **more}
    (folder / logs / "config" / name).write_text(properties.dump(values))
    return f"{logs}/config/{name}"


def test_the_newest_counts_whatever_wrote_it(folder: Path) -> None:
    assert newest_snapshot({}, folder) is None
    snapshot(folder, "20261121051102606-startup.cfg")
    newest = snapshot(folder, "20261121051125719-shutdown.cfg")
    snapshot(folder, "20261121051109526-snapshot.cfg")
    snapshot(folder, "notes-of-mine.cfg")
    snapshot(folder, ".20271121051109526-snapshot.cfg")
    assert newest_snapshot({}, folder) == newest


def test_it_is_the_configuration_and_wins_over_the_file_in_the_folder_and_over_models(folder: Path) -> None:
    (folder / "config.properties").write_text("job_queue_size=7\n")
    name = snapshot(folder, "20261121051102606-startup.cfg", job_queue_size="8", number_of_gpu="0")
    settings = torchserve(folder, "--models", "other.mar")
    assert (settings.config_file, settings.job_queue_size) == (name, 8)
    assert settings.model_store == folder / "store"
    assert settings.model_snapshot is not None
    assert settings.warnings == ()


def test_it_lies_among_the_logs(folder: Path) -> None:
    name = snapshot(folder, "20261121051102606-startup.cfg", "elsewhere")
    assert torchserve(folder, LOG_LOCATION="elsewhere").config_file == name


@pytest.mark.parametrize(
    ("flags", "environ"),
    [(["--ts-config", "own.properties"], {}), ([], {"TS_CONFIG_FILE": "own.properties"}), (["--ncs"], {})],
)
def test_a_named_configuration_or_no_snapshots_leave_it_alone(
    folder: Path, flags: list[str], environ: dict[str, str]
) -> None:
    (folder / "own.properties").write_text("job_queue_size=7\n")
    snapshot(folder, "20261121051102606-startup.cfg")
    settings = torchserve(folder, "--model-store", "store", *flags, **environ)
    assert settings.model_snapshot is None


def test_the_one_port_server_resumes_nothing(folder: Path) -> None:
    snapshot(folder, "20261121051102606-startup.cfg")
    assert marserve_settings({}, folder).config_file is None


def test_an_archive_that_has_gone_stops_the_start(folder: Path) -> None:
    snapshot(folder, "20261121051102606-startup.cfg")
    (folder / "store/m.mar").unlink()
    with pytest.raises(ConfigurationError) as refused:
        torchserve(folder)
    assert str(refused.value) == "Model archive file for model m, version 1.0 not found in model store"
