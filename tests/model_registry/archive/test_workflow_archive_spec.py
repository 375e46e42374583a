"""The parts of a workflow's archive."""

from datetime import UTC, datetime
from pathlib import Path

import pytest

from model_registry.archive.archive_spec import PackingError
from model_registry.archive.workflow_archive_spec import WorkflowArchiveSpec


def test_parts_lie_flat_and_are_named_in_the_manifest(tmp_path: Path) -> None:
    for name in ("spec.yaml", "functions.py"):
        (tmp_path / name).touch()
    spec = WorkflowArchiveSpec("w", f"{tmp_path}/spec.yaml", f"{tmp_path}/functions.py")
    assert spec.files() == {name: tmp_path / name for name in ("spec.yaml", "functions.py")}
    assert spec.manifest(datetime(2026, 1, 2, tzinfo=UTC))["workflow"] == {
        "workflowName": "w", "specFile": "spec.yaml", "handler": "functions.py",
    }  # fmt: skip


def test_names_and_files_are_checked() -> None:
    with pytest.raises(PackingError, match="Workflow name contains special characters"):
        WorkflowArchiveSpec("../w", "spec.yaml")
    with pytest.raises(PackingError, match=r"File does not exist: nothing\.yaml"):
        WorkflowArchiveSpec("w", "nothing.yaml").files()
