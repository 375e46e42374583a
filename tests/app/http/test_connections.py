"""Connections of a server share one state, and take the fast path only where they may."""

import asyncio
from typing import Any

import pytest
import uvicorn
from starlette.applications import Starlette
from starlette.types import ASGIApp, Receive, Scope, Send
from uvicorn.server import ServerState

from app.http.connections import connections_of
from app.http.fast_path import FAST_PATH, FastPath
from app.http.limits.admission import Admission
from app.http.limits.connection_limits import ConnectionLimits
from app.http.limits.progress import Phase, Progress, ProgressClock
from app.http.limits.refusal_log import RefusalLog

pytestmark = pytest.mark.anyio


class Wrapper:
    """An application around another one."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        await self.app(scope, receive, send)


class Connection:
    """Remembers in which phases it was cut."""

    def __init__(self, phase: Phase) -> None:
        self.phase = phase
        self.clock = ProgressClock()
        self.cuts: list[str] = []

    def progress(self) -> Progress:
        return Progress(self.phase, 1, 0)

    def cut(self, phase: Phase) -> None:
        self.cuts.append(phase)


def config(app: Any, **options: Any) -> uvicorn.Config:
    made = uvicorn.Config(app, log_config=None, **options)
    made.load()
    return made


@pytest.mark.parametrize("proxy_headers", [True, False])
async def test_the_fast_path_of_the_application_that_uvicorn_serves_is_taken(proxy_headers: bool) -> None:
    app = Starlette()
    fast_path = FastPath(app, 100)
    found = connections_of(config(app, proxy_headers=proxy_headers), ServerState(), {FAST_PATH: fast_path, "own": 1})
    assert found.fast_path is fast_path
    assert found.app_state == {"own": 1}


async def test_an_application_around_it_gets_every_request() -> None:
    app = Starlette()
    found = connections_of(config(Wrapper(app)), ServerState(), {FAST_PATH: FastPath(app, 100)})
    assert found.fast_path.app is None


async def test_any_other_application_is_served_without_a_fast_path() -> None:
    assert connections_of(config(Starlette()), ServerState(), {}).fast_path.app is None


async def test_connections_of_one_server_share_their_buffer() -> None:
    served, state = config(Starlette()), ServerState()
    assert connections_of(served, state, {}) is connections_of(served, state, {})
    assert connections_of(served, ServerState(), {}) is not connections_of(served, state, {})


async def test_one_timer_looks_after_all_connections_while_there_are_any() -> None:
    admission = Admission(ConnectionLimits(client_header_timeout=0.1), RefusalLog())
    app = Starlette()
    served = config(app, timeout_keep_alive=100)
    found = connections_of(served, ServerState(), {FAST_PATH: FastPath(app, admission=admission)})
    slow, idle = Connection("head"), Connection("idle")
    found.add(slow)
    timer = found._timer
    found.add(idle)
    assert found._timer is timer
    while not slow.cuts:
        await asyncio.sleep(0.01)
    assert (slow.cuts, idle.cuts) == (["head"], [])
    assert "client_header_timeout" in repr(admission.refusals)
    found.remove(slow)
    found.remove(idle)
    while found._timer is not None:
        await asyncio.sleep(0.01)
    assert found.state.connections == set()
