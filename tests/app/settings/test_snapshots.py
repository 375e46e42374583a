"""The configuration that a snapshot keeps."""

import sys
from pathlib import Path

from app.settings.model import Settings
from app.settings.snapshots import configuration_in_force, snapshot_writer


def test_the_configuration_is_kept_as_it_was_written_with_torchserves_additions(tmp_path: Path) -> None:
    settings = Settings(given={"job_queue_size": "7", "not_a_setting": "x"}, model_store=tmp_path, config_file="c.cfg")
    assert configuration_in_force(settings, gpus=2) == {
        "job_queue_size": "7", "not_a_setting": "x", "model_store": str(tmp_path), "workflow_store": str(tmp_path),
        "number_of_gpu": "2", "tsConfigFile": "c.cfg", "version": "0.12.0", "python": sys.executable,
    }  # fmt: skip


def test_snapshots_need_to_be_wanted_and_a_folder_for_logs(tmp_path: Path) -> None:
    assert snapshot_writer(Settings(log_location=tmp_path), gpus=0) is None
    assert snapshot_writer(Settings(snapshots=True), gpus=0) is None
    writer = snapshot_writer(Settings(snapshots=True, log_location=tmp_path), gpus=0)
    assert writer is not None
    writer.save("startup", [])
    (file,) = (tmp_path / "config").glob("*-startup.cfg")
    assert file.read_text().startswith("#Saving snapshot\nnumber_of_gpu=0\n")
