"""Tokens, and the requests that need them."""

import json
import tempfile
from pathlib import Path
from typing import Any

import pytest

from app.access.authorization import AccessPolicy, has_token, path_segments
from app.errors import InvalidKey, ManagementLocked
from app.settings.model import Settings

ALL = ("inference", "management", "metrics")
FREE = None


def policy(folder: Path, authorization: str, **settings: Any) -> AccessPolicy:
    return AccessPolicy(Settings(authorization=authorization, **settings), folder)


def keys(folder: Path) -> dict[str, str]:
    return {name: each["key"] for name, each in json.loads((folder / "key_file.json").read_text()).items()}


@pytest.mark.parametrize(
    ("path", "apis", "needed"),
    [
        ("/predictions/m", ("inference",), "inference"),
        ("/nothing", ("inference",), "inference"),
        ("/nothing", ALL, "inference"),
        ("/models", ("management",), "management"),
        ("/models/m/invoke", ALL, "inference"),
        ("/models/m/1.0", ALL, "management"),
        ("/v1/models/m", ALL, "management"),
        ("/v1/models/m:predict", ALL, "inference"),
        ("/workflows/w", ALL, "management"),
        ("/console/events", ALL, "management"),
        ("/", ALL, FREE),
        ("/api-description/", ("management",), FREE),
        ("/metrics", ALL, FREE),
        ("/metrics", ("inference",), "inference"),
        ("/metrics", ("metrics",), FREE),
        ("/anything", ("metrics",), FREE),
        ("/token", ("management",), FREE),
        ("/token", ("inference",), "inference"),
    ],
)
def test_with_torchserves_keys_every_path_needs_the_key_of_its_api(
    tmp_path: Path, path: str, apis: tuple[str, ...], needed: str | None
) -> None:
    checked = policy(tmp_path, "all")
    found = keys(tmp_path)
    for kind in ("inference", "management", "API"):
        opens = needed in (FREE, kind)
        if opens:
            checked.check_path(path, apis, f"Bearer {found[kind]}")
        else:
            with pytest.raises(InvalidKey):
                checked.check_path(path, apis, f"Bearer {found[kind]}")


@pytest.mark.parametrize("path", ["/models", "/workflows", "/token", "/v1/models/m", "/models/m/1.0"])
def test_with_a_management_token_only_management_needs_it(tmp_path: Path, path: str) -> None:
    checked = policy(tmp_path, "management", management_token="secret")
    assert not (tmp_path / "key_file.json").exists()
    checked.check_path(path, ALL, "Bearer secret")
    with pytest.raises(ManagementLocked):
        checked.check_path(path, ALL, "Bearer other")
    for open_path in ("/predictions/m", "/models/m/invoke", "/metrics", "/nothing"):
        checked.check_path(open_path, ALL, "")


def test_without_a_token_of_its_own_management_needs_the_key_of_the_key_file(tmp_path: Path) -> None:
    checked = policy(tmp_path, "management")
    checked.check("management", f"Bearer {keys(tmp_path)['management']}")
    with pytest.raises(ManagementLocked):
        checked.check("management", f"Bearer {keys(tmp_path)['inference']}")
    checked.check("inference", "")
    assert not checked.asks_for_inference


def test_authorization_that_is_off_asks_for_nothing(tmp_path: Path) -> None:
    checked = policy(tmp_path, "off")
    checked.check_path("/models", ALL, "")
    assert (checked.keys, checked.asks_for_inference) == (None, False)


def test_an_expired_key_opens_nothing_and_can_be_renewed(tmp_path: Path) -> None:
    checked = policy(tmp_path, "all", token_expiration_min=1e-9)
    expired = keys(tmp_path)
    with pytest.raises(InvalidKey):
        checked.check("inference", f"Bearer {expired['inference']}")
    assert checked.keys is not None
    checked.keys.replace_key("inference", f"Bearer {expired['API']}")
    assert keys(tmp_path)["inference"] != expired["inference"]


def test_the_key_file_is_for_its_owner_alone_and_says_when_keys_expire(tmp_path: Path) -> None:
    policy(tmp_path, "all")
    file = tmp_path / "key_file.json"
    assert file.stat().st_mode & 0o777 == 0o600
    content = json.loads(file.read_text())
    assert [sorted(each) for each in content.values()] == [["expiration time", "key"]] * 2 + [["key"]]
    assert {len(each["key"]) for each in content.values()} == {8}


def test_a_folder_that_cannot_be_written_is_passed_over(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    checked = policy(tmp_path / "missing", "all")
    assert checked.keys is not None
    assert checked.keys.path == tmp_path / "key_file.json"


@pytest.mark.parametrize(
    ("header", "matches"),
    [("Bearer key", True), ("Bearer  key ", True), ("bearer key", False), ("Basic key", False), ("key", False),
     ("", False), ("Bearer", False), ("Bearer kéy", False)],
)  # fmt: skip
def test_a_token_is_a_bearer_token(header: str, matches: bool) -> None:
    assert has_token(header, "key") is matches


@pytest.mark.parametrize(("path", "segments"), [("/", [""]), ("", [""]), ("/a/b//", ["a", "b"]), ("//a", ["", "a"])])
def test_slashes_at_the_end_of_a_path_do_not_count(path: str, segments: list[str]) -> None:
    assert path_segments(path) == segments
