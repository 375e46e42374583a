"""The pages on limits, security, configuration and isolation name keys that exist; the first one names all limits."""

import re

import pytest

from app.settings.key_warnings import WITHOUT_EFFECT
from app.settings.model import KEYS, Settings
from app.settings.variables import OUR_VARIABLES
from tests.support.dockerfile import ROOT

LIMITS = (ROOT / "docs/limits.md").read_text(encoding="utf-8")
KEY = re.compile(r"`([a-z]+(?:_[a-z]+)+)`")
IS_LIMIT = re.compile(r"^max_(?!batch)|_timeout$|_limit$|^min_transfer_rate$|_queue_size$|max_connection_age")
NO_KEYS = {"proxy_next_upstream", "max_retries", "underscores_in_headers", "default_type"}
"""Words of proxies."""
UNITS = {"1 GiB": 1 << 30, "256 MiB": 256 << 20, "64 GiB": 64 << 30}


@pytest.mark.parametrize("page", ["limits", "security", "configuration", "isolation"])
def test_every_key_that_a_page_names_exists(page: str) -> None:
    text = (ROOT / f"docs/{page}.md").read_text(encoding="utf-8").split("\n## Libraries that hold")[0]
    named = set(KEY.findall(text)) | set(re.findall(r"^([a-z_]+)=", text, re.MULTILINE))
    known = KEYS | {"response_timeout", "startup_timeout", "marserve_refusals_total", "marserve_lost_log_lines"}
    assert named - known - NO_KEYS == set()


def test_every_limit_is_documented() -> None:
    limits = {key for key in KEYS if IS_LIMIT.search(key)}
    assert {"max_connections", "watchdog_timeout", "job_queue_size"} <= limits
    assert limits - set(KEY.findall(LIMITS)) - WITHOUT_EFFECT.keys() == set()


def test_documented_defaults_are_those_of_the_settings() -> None:
    for key, text in re.findall(r"^\| `([a-z_]+)` \| (?:half|less)?([^|;,]*)", LIMITS, re.MULTILINE):
        default = Settings.model_fields[key].default
        number = re.match(r"[\d.]+(?: [GM]iB)?", text)
        assert number is not None or key == "max_connections_per_peer", key
        if number is not None:
            assert (UNITS[number[0]] if number[0] in UNITS else float(number[0].split()[0])) == default, key


def test_every_variable_of_the_table_exists() -> None:
    text = (ROOT / "docs/configuration.md").read_text(encoding="utf-8")
    named = set(re.findall(r"`(MARSERVE_[A-Z_]+)`", text))
    assert named
    assert named <= set(OUR_VARIABLES)
