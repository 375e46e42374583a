"""Runs the demo: python -m signflow.backend, then http://127.0.0.1:8000."""

import argparse
import logging
from pathlib import Path

import uvicorn

from .application import create_app
from .json_log import JsonLines

LARGEST_FRAME = 64 * 1024


def main(argv: list[str] | None = None) -> None:
    """Serve the backend until a signal comes."""
    parser = argparse.ArgumentParser(prog="python -m signflow.backend", description=__doc__)
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, default=8000)
    parser.add_argument(
        "--holistic", type=Path, metavar="FOLDER", help="of the npm package @mediapipe/holistic, for a webcam"
    )
    chosen = parser.parse_args(argv)
    handler = logging.StreamHandler()
    handler.setFormatter(JsonLines())
    logging.basicConfig(level=logging.INFO, handlers=[handler])
    logging.getLogger("httpx2").setLevel(logging.WARNING)  # it would log every request
    uvicorn.run(
        create_app(chosen.holistic),
        host=chosen.host,
        port=chosen.port,
        log_config=None,
        access_log=False,
        ws="websockets-sansio",
        ws_max_size=LARGEST_FRAME,
        ws_per_message_deflate=False,  # a frame is small, and compressing it takes longer than reading it
        timeout_graceful_shutdown=5,
    )


if __name__ == "__main__":
    main()
