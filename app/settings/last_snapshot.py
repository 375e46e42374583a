"""The newest snapshot of the last server, which a start without a named configuration resumes."""

from collections.abc import Mapping
from pathlib import Path

from app.settings.errors import ConfigurationError
from app.settings.model import Settings
from model_registry.object_storage.address import is_object_url
from model_registry.snapshot import NAME


def newest_snapshot(environ: Mapping[str, str], cwd: Path) -> str | None:
    """The snapshot written last into the folder for logs, as a path relative to `cwd`; None if there is none."""
    folder = Path(environ.get("LOG_LOCATION") or "logs", "config")
    names = [path.name for path in (cwd / folder).glob("*.cfg") if NAME.fullmatch(path.name)]
    return str(folder / max(names)) if names else None


def check_archives(settings: Settings) -> None:
    """Refuse to start without an archive that the snapshot needs, as TorchServe does; raises ConfigurationError."""
    if settings.model_snapshot is None or settings.model_store is None or settings.remote_store is not None:
        return
    for name, versions in settings.model_snapshot["models"].items():
        for version, entry in versions.items():
            name_or_url = str(entry.get("marName", ""))
            if not is_object_url(name_or_url) and not (settings.model_store / name_or_url).exists():
                raise ConfigurationError(
                    f"Model archive file for model {name}, version {version} not found in model store"
                )
