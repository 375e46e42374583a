"""The specification of a workflow's archive: its parts, and their names in it."""

from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, ClassVar

from model_registry.archive.archive_spec import check_name, extra_files, named_files

ARCHIVER_VERSION = "0.2.15"
"""The release of torch-workflow-archiver whose archives these are."""


@dataclass(frozen=True, slots=True)
class WorkflowArchiveSpec:
    """The parts of a workflow: files by their paths, extra files also by folders and wildcards."""

    kind: ClassVar[str] = "workflow"
    manifest_file: ClassVar[Path] = Path("WAR-INF", "MANIFEST.json")
    name: str
    spec_file: str
    """The YAML file of models and their graph."""
    handler: str | None = None
    """The Python file of the functions among the nodes."""
    extra_files: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        check_name(self.kind, self.name)

    def manifest(self, created: datetime) -> dict[str, Any]:
        """The content of MANIFEST.json."""
        workflow = {"workflowName": self.name, "specFile": Path(self.spec_file).name}
        if self.handler:
            workflow["handler"] = Path(self.handler).name
        moment = created.strftime("%d/%m/%Y %H:%M:%S")
        return {"createdOn": moment, "workflow": workflow, "archiverVersion": ARCHIVER_VERSION}

    def files(self) -> dict[str, Path]:
        """The files by their names in the archive, of equal names the last. Raises PackingError."""
        files = named_files(self.spec_file, self.handler)
        for pattern in filter(None, self.extra_files):
            files |= extra_files(pattern)
        return files
