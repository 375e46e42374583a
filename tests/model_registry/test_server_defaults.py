"""Defaults of a server without configuration."""

from pathlib import Path

from model_registry.archive.archive import Archive
from model_registry.archive.manifest import Manifest
from model_registry.server_defaults import ServerDefaults


def test_they_are_torchserves() -> None:
    defaults = ServerDefaults()
    assert (defaults.batch_size, defaults.job_queue_size) == (1, 100)
    assert defaults.max_batch_delay is None  # the model's own, or TorchServe's
    assert (defaults.response_timeout, defaults.startup_timeout, defaults.first_worker_id) == (120, 120, 9000)
    assert defaults.sequence_headers.id == "ts_request_sequence_id"


def test_no_memory_limit_refuses_nothing(tmp_path: Path) -> None:
    (tmp_path / "model.pt").write_bytes(b"x")
    ServerDefaults().memory_guard.check(Archive("m.mar", Manifest(serialized_file="model.pt"), tmp_path))
