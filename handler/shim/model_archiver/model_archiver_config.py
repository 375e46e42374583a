"""The parts of an archive."""

import dataclasses
import os

from model_archiver.manifest_components.manifest import RuntimeType


@dataclasses.dataclass
class ModelArchiverConfig:
    """The arguments of torch-model-archiver; `extra_files` is one string with commas."""

    model_name: str
    handler: str
    version: str
    serialized_file: str | None = None
    model_file: str | None = None
    extra_files: str | None = None
    runtime: str = RuntimeType.PYTHON.value
    export_path: str = dataclasses.field(default_factory=os.getcwd)
    archive_format: str = "default"
    force: bool = False
    requirements_file: str | None = None
    config_file: str | None = None

    @classmethod
    def from_args(cls, args):
        """The configuration that parsed arguments ask for."""
        return cls(**{field.name: getattr(args, field.name) for field in dataclasses.fields(cls)})
