"""Which token the calls of an address need: TorchServe's keys, one for management alone, or none."""

import logging
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path

from app.authorization import KEY_FILE, Keys, is_free, is_management, matches
from app.errors import ManagementLocked
from app.http.address import Guard
from app.http.request import Call
from app.settings.model import Settings

LOG = logging.getLogger("marserve.security")


class AccessPolicy:
    """Made once at start; writes the key file where TorchServe's token authorisation is on."""

    def __init__(self, settings: Settings, folder: Path) -> None:
        self._kind = settings.authorization
        self._token = settings.management_token
        self.keys: Keys | None = None
        needs_keys = self._kind == "all" or (self._kind == "management" and self._token is None)
        if needs_keys:
            self.keys = _keys((folder, Path(tempfile.gettempdir())), settings.token_expiration_min)

    def __repr__(self) -> str:
        return f"<AccessPolicy {self._kind}>"

    def guard(self, apis: Sequence[str]) -> Guard:
        """The guard of an address that serves these APIs."""
        if list(apis) == ["metrics"]:
            return open_guard
        if self._kind == "all":
            return self._ask_always(apis)
        return open_guard if self._kind == "off" else self._ask_for_management

    def _kind_of_call(self, apis: Sequence[str]) -> Callable[[Call], str]:
        if "management" in apis and "inference" in apis:
            return lambda call: "management" if is_management(call) else "inference"
        return lambda call: apis[0]

    def _ask_always(self, apis: Sequence[str]) -> Guard:
        keys, kind_of = self.keys, self._kind_of_call(apis)
        assert keys is not None

        def guard(call: Call) -> None:
            if not is_free(call, apis):
                keys.check(kind_of(call), call)

        return guard

    def _ask_for_management(self, call: Call) -> None:
        if not is_management(call):
            return
        if self._token is not None:
            good = matches(call, self._token)
        else:
            assert self.keys is not None
            good = self.keys.opens("management", call)
        if not good:
            raise ManagementLocked


def open_guard(call: Call) -> None:
    """Lets every call in."""


def _keys(folders: Sequence[Path], minutes: float) -> Keys:
    """Keys, with their file in the first folder that can be written: a container's own tree often cannot."""
    for folder in folders[:-1]:
        try:
            return _told(folder / KEY_FILE, minutes)
        except OSError as error:
            LOG.warning("The key file cannot be in %s: %s.", folder, error.strerror)
    return _told(folders[-1] / KEY_FILE, minutes)


def _told(path: Path, minutes: float) -> Keys:
    keys = Keys(path, minutes)
    LOG.info("Token authorisation is on; the keys are in %s.", path)
    return keys
