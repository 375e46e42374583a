"""The models of a runtime as KServe knows them: those that its configuration names, whether or not they have loaded."""

from app.errors import ModelNotReady, ModelUnknown
from app.model_server import ModelServer
from model_registry.errors import ModelNotFound
from model_registry.registry import Registry
from model_registry.served_version import ServedVersion


class KServeModels:
    """Finds models, and refuses at once those that cannot serve."""

    def __init__(self, server: ModelServer) -> None:
        snapshot = server.settings.model_snapshot
        self._configured: tuple[str, ...] = tuple(snapshot["models"]) if snapshot else ()
        self._registry: Registry = server.registry

    def __repr__(self) -> str:
        return f"<KServeModels {', '.join(self.names())}>"

    def names(self) -> list[str]:
        """The configured models in their order, then others that were registered since."""
        registered, start = [], 0
        following: int | None = 0
        while following is not None:
            page, following = self._registry.page(start, 1000)
            registered += [model.name for model in page]
            start = following or 0
        return list(dict.fromkeys((*self._configured, *registered)))

    def is_ready(self, name: str, version: str | None = None) -> bool:
        """Whether a worker serves; raises ModelUnknown, and VersionNotFound."""
        found = self._find(name, version)
        return found is not None and found.pool.ready_count > 0

    def check_ready(self, name: str, version: str | None = None) -> None:
        """Raise ModelNotReady unless a request would be served; one that waits for a first load may be."""
        found = self._find(name, version)
        if found is None or not (found.pool.ready_count or _is_awaited(found)):
            raise ModelNotReady(name)

    def versions(self, name: str) -> list[str]:
        """The versions of a model; raises ModelUnknown."""
        self._find(name, None)
        model = self._registry.get(name)
        return list(model.versions) if model is not None else []

    def _find(self, name: str, version: str | None) -> ServedVersion | None:
        """The version, None for a model that could not be registered; raises ModelUnknown, and VersionNotFound."""
        try:
            return self._registry.resolve(name, version)
        except ModelNotFound:
            if name in self._configured:
                return None
            raise ModelUnknown(name) from None


def _is_awaited(version: ServedVersion) -> bool:
    return version.pool.alive_count > 0 and not version.pool.is_failing
