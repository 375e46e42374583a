"""Flag and rollout decide who translates, while the backend runs."""

from typing import Any

import httpx2
import pytest
from prometheus_client import CollectorRegistry

from signflow.backend.settings import Settings
from signflow.backend.translator import Translator
from tests.signflow.torchserve_client.server import LOCAL_ANSWER, WINDOW, Server, local

pytestmark = pytest.mark.anyio


def make_translator(server: Server, **settings: Any) -> Translator:
    translator = Translator(Settings(**settings), local, CollectorRegistry())
    translator.client.session = httpx2.AsyncClient(transport=httpx2.MockTransport(server))
    return translator


async def reasons(translator: Translator, times: int) -> list[str]:
    return [(await translator.translate(WINDOW, "someone")).reason for _ in range(times)]


async def test_the_flag_decides_and_is_flipped_while_the_backend_runs() -> None:
    server = Server(200)
    async with make_translator(server) as translator:
        translation = await translator.translate(WINDOW, "someone")
        assert (translation[:4], translation.source, translation.reason) == (LOCAL_ANSWER, "local", "flag_off")
        translator.set_flags(use_torchserve=True)
        assert await reasons(translator, 2) == [""] * 2
        translator.set_flags(torchserve_rollout_percent=0)
        assert await reasons(translator, 2) == ["rollout"] * 2
        with pytest.raises(ValueError, match="rollout_percent"):
            translator.set_flags(torchserve_rollout_percent=101)
    assert len(server.requests) == 2
    assert translator.seconds.labels("local")._sum.get() > 0


async def test_a_flag_wins_over_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("USE_TORCHSERVE", "true")
    async with make_translator(Server(200)) as translator:
        translator.set_flags(use_torchserve=False, torchserve_rollout_percent=1)
        assert await reasons(translator, 1) == ["flag_off"]


async def test_the_settings_reach_the_client() -> None:
    async with make_translator(
        Server(200), torchserve_url="http://models/", torchserve_token="secret", torchserve_timeout_ms=250,
        torchserve_hedge_ms=30, torchserve_model="sign",
    ) as translator:  # fmt: skip
        client = translator.client
    assert (client.base_url, client.model_name) == ("http://models", "sign")
    assert (client.timeout_seconds, client.hedge_seconds) == (0.25, 0.03)
    assert client._headers["Authorization"] == "Bearer secret"
    assert repr(translator) == "<Translator with <TorchServeClient of http://models, closed, 0 requests>>"
