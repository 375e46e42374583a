"""The configured limits, as far as the process can keep them."""

import resource

import pytest

from app.http.limits.connection_limits import RESERVED_FILES, ConnectionLimits, connection_limits, raise_file_limit
from app.settings.model import Settings


def test_limits_come_from_the_settings() -> None:
    settings = Settings(client_header_timeout=1, send_timeout="2.5", max_connections=100, max_unsent_bytes=7)
    limits = connection_limits(settings)
    assert (limits.client_header_timeout, limits.send_timeout, limits.max_unsent_bytes) == (1, 2.5, 7)
    assert (limits.max_connections, limits.max_connections_per_peer) == (100, 50)
    assert connection_limits(Settings(max_connections=100, max_connections_per_peer=3)).max_connections_per_peer == 3


def test_the_defaults_of_both_are_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("app.http.limits.connection_limits.raise_file_limit", lambda connections: connections)
    assert connection_limits(Settings()) == ConnectionLimits()


def test_files_are_what_connections_need(monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture) -> None:
    changed: list[tuple[int, int]] = []
    monkeypatch.setattr(resource, "getrlimit", lambda kind: (1024, 4096))
    monkeypatch.setattr(resource, "setrlimit", lambda kind, limits: changed.append(limits))
    assert raise_file_limit(100) == 100
    assert changed == []
    assert raise_file_limit(2000) == 2000
    assert changed == [(2000 + RESERVED_FILES, 4096)]
    assert caplog.records == []
    assert raise_file_limit(10_000) == 4096 - RESERVED_FILES
    assert changed[-1] == (4096, 4096)
    assert "max_connections is 3840" in caplog.text
