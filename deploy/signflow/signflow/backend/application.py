"""The backend's routes: the WebSocket, the page and what it plays, flags, status and metrics."""

import uuid
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, closing
from pathlib import Path

import numpy as np
from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, generate_latest
from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import FileResponse, JSONResponse, Response
from starlette.routing import BaseRoute, Mount, Route, WebSocketRoute
from starlette.staticfiles import StaticFiles
from starlette.websockets import WebSocket

from signflow.archive import read_labels
from signflow.local_pipeline import LocalPipeline
from signflow.training.synthetic import make_signs, perform, to_frames

from .batch_sizes import fetch_batch_sizes
from .hand_rest import with_rests
from .session import Session
from .settings import Settings
from .translator import Translator

STATIC = Path(__file__).with_name("static")
HOLISTIC = "holistic"
FLAGS = ("use_torchserve", "torchserve_rollout_percent")
RESTS = 12
"""Frames of rest before and after a performance of the page."""


def create_app(holistic: Path | None = None) -> Starlette:
    """The backend with the settings of the environment.

    `holistic` is the folder of the npm package @mediapipe/holistic, which finds landmarks in a webcam's pictures.
    """
    routes: list[BaseRoute] = [
        Route("/", page),
        Mount("/static", StaticFiles(directory=STATIC)),
        Route("/signs", signs),
        Route("/performances/{sign}", performance),
        Route("/flags", flags, methods=["GET", "PUT"]),
        Route("/status", status),
        Route("/metrics", metrics),
        Route("/camera", camera),
        WebSocketRoute("/ws", websocket),
    ]
    if holistic is not None:
        routes.append(Mount(f"/{HOLISTIC}", StaticFiles(directory=holistic)))
    app = Starlette(routes=routes, lifespan=_lifespan)
    app.state.library = HOLISTIC if holistic else None
    return app


async def websocket(socket: WebSocket) -> None:
    """Frames in, signs out; ?user=KEY is the key of the rollout, and with ?translate=local no server is asked."""
    await socket.accept()
    user = socket.query_params.get("user") or uuid.uuid4().hex
    is_local = socket.query_params.get("translate") == "local"
    await Session(socket, socket.app.state.translator, user, is_local).run()


async def page(request: Request) -> Response:
    """The page."""
    return FileResponse(STATIC / "index.html")


async def signs(request: Request) -> Response:
    """The names of the signs."""
    return JSONResponse(read_labels())


async def performance(request: Request) -> Response:
    """The frames of one performance of a sign, between rests; ?seed=N for another one."""
    labels, sign = read_labels(), request.path_params["sign"]
    seed = request.query_params.get("seed", "0")
    if sign not in labels or not seed.isdecimal():
        raise HTTPException(404, "There is no such performance.")
    return JSONResponse(await run_in_threadpool(_make_performance, labels.index(sign), int(seed)))


async def camera(request: Request) -> Response:
    """The path of the library that finds landmarks in pictures; null without one."""
    return JSONResponse({"library": request.app.state.library})


async def flags(request: Request) -> Response:
    """The flags; PUT {"use_torchserve": false} flips one while the backend runs."""
    translator: Translator = request.app.state.translator
    if request.method == "PUT":
        try:
            translator.set_flags(**_parse_flags(await request.json()))
        except ValueError as error:
            raise HTTPException(400, str(error)) from None
    return JSONResponse({flag: getattr(translator.settings, flag) for flag in FLAGS})


async def status(request: Request) -> Response:
    """The flag, the circuit breaker, and the server's batches by their size, null where the server does not tell."""
    translator: Translator = request.app.state.translator
    client = translator.client
    batches = await fetch_batch_sizes(client, translator.settings.torchserve_metrics_url)
    return JSONResponse(
        {
            "use_torchserve": translator.settings.use_torchserve,
            "circuit": client.breaker.state,
            "seconds_until_probe": round(client.breaker.seconds_until_probe, 1),
            "batches": batches,
        }
    )


async def metrics(request: Request) -> Response:
    """The metrics of the backend in Prometheus' format."""
    return Response(generate_latest(request.app.state.registry), media_type=CONTENT_TYPE_LATEST)


def _parse_flags(body: object) -> dict[str, object]:
    if not isinstance(body, dict) or not body.keys() <= set(FLAGS):
        raise ValueError(f"There are {' and '.join(FLAGS)}.")
    return body


def _make_performance(sign: int, seed: int) -> list[dict[str, object]]:
    points = perform(make_signs(sign + 1)[sign], np.random.default_rng([seed, sign]))
    return to_frames(with_rests(points, RESTS))


@asynccontextmanager
async def _lifespan(app: Starlette) -> AsyncIterator[None]:
    app.state.registry = CollectorRegistry()
    with closing(LocalPipeline()) as local:
        async with Translator(Settings(), local, app.state.registry) as app.state.translator:
            yield
