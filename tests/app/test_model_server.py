"""The server behind its addresses, made from settings."""

from pathlib import Path

import pytest
from starlette.applications import Starlette

from app.model_server import ModelServer, worker_environment
from app.settings.model import Settings
from tests.support.serving import serving

pytestmark = pytest.mark.anyio


async def test_an_application_leads_to_its_server(store: Path) -> None:
    async with serving(store) as client:
        app = Starlette()
        with pytest.raises(RuntimeError, match="lifespan has not started"):
            ModelServer.of({"app": app})
        app.state.model_server = client.application
        assert ModelServer.of({"app": app}) is client.application


async def test_an_answered_request_is_counted_and_logged_and_a_refused_body_only_counted(
    store: Path, tmp_path: Path
) -> None:
    async with serving(store, log_location=tmp_path) as client:
        client.application.record(("10.0.0.1", 5), "GET", b"/ping?a=1", "1.1", 200, 0.0)
        client.application.record_unlogged(413)
        client.application.logs.access.flush()
        (line,) = (tmp_path / "access_log.log").read_text().splitlines()
        assert '/10.0.0.1:5 "GET /ping?a=1 HTTP/1.1" 200' in line
        samples = client.application.metrics.expose(["Requests2XX", "Requests4XX"]).decode().splitlines()
        counts = [line.rpartition(" ")[2] for line in samples if not line.startswith("#")]
        assert counts == ["1.0", "1.0"]


async def test_the_shutdown_is_requested_once_for_all(store: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async with serving(store) as client:
        server = client.application
        monkeypatch.setattr(server.deadline, "start_with_exit", server.deadline.start)
        server.request_shutdown()
        assert server.shutdown_requested.is_set()


def test_handlers_find_torchserves_variables_and_none_that_are_blacklisted() -> None:
    environment = worker_environment(Settings(decode_input_request="false", blacklist_env_vars=".*SECRET.*"))
    assert environment.added["TS_DECODE_INPUT_REQUEST"] == "false"
    assert environment.hidden is not None
    assert environment.hidden.match("MY_SECRET_KEY")
