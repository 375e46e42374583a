"""Model repositories on disk: folders of models, each with a configuration and numbered versions."""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from model_registry.triton.config.backends import ENSEMBLE, complete_backend
from model_registry.triton.config.checks.ensemble_checks import check_steps
from model_registry.triton.config.checks.validation import check_config
from model_registry.triton.config.config_forms import InvalidConfig, config_of_json, config_of_text
from model_registry.triton.config.defaults import fill_defaults
from model_registry.triton.config.messages import ModelConfig
from model_registry.triton.config.version_policy import served_versions

CONFIG_FILE = "config.pbtxt"
VERSION = re.compile("0|[1-9][0-9]*")
"""The name of a version's folder; others are passed over."""
Fingerprint = frozenset[tuple[str, int, int]]
"""The files below a folder, each with its time in nanoseconds and its size."""


@dataclass(frozen=True, slots=True)
class Override:
    """A configuration and files that a load request brings with it; with files, nothing is read from the repository."""

    config: str
    """In JSON."""
    files: Mapping[str, bytes] = field(default_factory=dict)
    """By their paths in the model's folder."""


@dataclass(frozen=True, slots=True)
class ModelDefinition:
    """A model as its folder defines it: the configuration with all that does not need a backend, and its versions."""

    name: str
    folder: Path
    config: Any
    versions: Sequence[int]
    """Those that the version policy chooses, in ascending order."""
    fingerprint: Fingerprint

    @property
    def steps(self) -> Sequence[Any]:
        """The steps of an ensemble; of other models none."""
        return tuple(self.config.ensemble_scheduling.step) if self.config.platform == ENSEMBLE else ()

    def is_same(self, other: "ModelDefinition | None") -> bool:
        """Whether nothing has changed since the other was read."""
        return other is not None and self.fingerprint == other.fingerprint and self.config == other.config


class ModelRepository:
    """One or more folders of model folders. It only reads; every call looks at the disk anew.

    `config_name` chooses `configs/NAME.pbtxt` of models that have it; with `is_strict` a model needs a configuration.
    """

    def __init__(self, paths: Sequence[Path], *, config_name: str = "", is_strict: bool = False) -> None:
        self._paths = paths
        self._config_name = config_name
        self._is_strict = is_strict

    def __repr__(self) -> str:
        return f"<ModelRepository {', '.join(map(str, self._paths))}>"

    def names(self) -> set[str]:
        """Every model folder's name; raises FileNotFoundError where a repository is none."""
        return {folder.name for path in self._paths for folder in path.iterdir() if folder.is_dir()}

    def read(self, name: str, override: Override | None = None, files: Path | None = None) -> ModelDefinition:
        """The definition of a model; raises InvalidConfig.

        `files` is the folder that holds the files of the override, if it has any.
        """
        folder = files or self._folder(name)
        available = dict(_versions_in(folder))
        config = self._config(folder, override)
        config.name = config.name or name
        complete_backend(config, {file.name for version in available.values() for file in version.iterdir()})
        fill_defaults(config)
        check_config(config, name)
        if config.platform == ENSEMBLE:
            check_steps(config)
        return ModelDefinition(
            name, folder, config, served_versions(config.version_policy, available), fingerprint_of(folder)
        )

    def _folder(self, name: str) -> Path:
        folders = [path / name for path in self._paths if (path / name).is_dir()]
        if not folders:
            raise InvalidConfig(f"model '{name}' is in no repository")
        if len(folders) > 1:
            raise InvalidConfig(f"model '{name}' is in {len(folders)} repositories, so it is served from none")
        return folders[0]

    def _config(self, folder: Path, override: Override | None) -> Any:
        if override is not None:
            return config_of_json(override.config)
        named = folder / "configs" / f"{self._config_name}.pbtxt"
        file = named if self._config_name and named.is_file() else folder / CONFIG_FILE
        if not file.is_file():
            if self._is_strict:
                raise InvalidConfig(f"{file} is not there, and configurations are not completed")
            return ModelConfig()
        try:
            return config_of_text(file.read_text(encoding="utf-8"))
        except (InvalidConfig, OSError, UnicodeDecodeError) as error:
            raise InvalidConfig(f"{file}: {error}") from error


def _versions_in(folder: Path) -> Iterator[tuple[int, Path]]:
    for version in folder.iterdir():
        if VERSION.fullmatch(version.name) and version.is_dir():
            yield int(version.name), version


def fingerprint_of(folder: Path) -> Fingerprint:
    """The files below a folder: differs once one of them has changed."""
    return frozenset(
        (str(file.relative_to(folder)), status.st_mtime_ns, status.st_size)
        for file in folder.rglob("*")
        for status in [file.stat()]
    )
