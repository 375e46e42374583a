"""The limit of HTTP in one Python process: an ASGI application under uvicorn that reads a request and answers bytes.

`python -m tests.benchmarks.constant PORT FILE` answers what the file holds.
"""

import sys
from pathlib import Path
from typing import Any

import uvicorn


def application(body: bytes) -> Any:
    """An ASGI application that always answers this."""
    head = {
        "type": "http.response.start", "status": 200,
        "headers": [(b"content-type", b"application/json"), (b"content-length", b"%d" % len(body))],
    }  # fmt: skip

    async def answer(scope: Any, receive: Any, send: Any) -> None:
        while (await receive()).get("more_body"):
            pass
        await send(head)
        await send({"type": "http.response.body", "body": body})

    return answer


def main() -> None:
    """Serve until a signal."""
    uvicorn.run(
        application(Path(sys.argv[2]).read_bytes()), host="127.0.0.1", port=int(sys.argv[1]),
        loop="uvloop", http="httptools", lifespan="off", access_log=False, log_level="error",
    )  # fmt: skip


if __name__ == "__main__":
    main()
