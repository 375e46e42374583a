"""A headless Chromium inside a test, over its DevTools protocol."""

import base64
import json
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from websockets.sync.client import ClientConnection, connect

from tests.support.processes import TIMEOUT_SECONDS
from tests.support.signflow_processes import fetch, until

NAMES = ("chromium", "chromium-browser", "google-chrome", "chrome")
QUIET = (
    *("--headless", "--no-sandbox", "--disable-quic", "--no-first-run", "--disable-sync"),
    *("--disable-background-networking", "--disable-component-update", "--disable-dev-shm-usage"),
    "--remote-debugging-port=0",
)


class Page:
    """A page that is open in the browser; `problems` are its exceptions and logged errors."""

    timeout_seconds: float = TIMEOUT_SECONDS

    def __init__(self, devtools: ClientConnection) -> None:
        self.problems: list[str] = []
        self._devtools, self._number, self._loaded = devtools, 0, False

    def open(self, url: str) -> None:
        """Navigate, and wait until the page is loaded."""
        for domain in ("Page", "Runtime", "Log"):
            self.call(f"{domain}.enable")
        self._loaded = False
        self.call("Page.navigate", url=url)
        while not self._loaded:
            self._record(json.loads(self._devtools.recv(timeout=self.timeout_seconds)))

    def evaluate(self, expression: str) -> Any:
        """The value of a JavaScript expression; a promise is waited for."""
        given = self.call("Runtime.evaluate", expression=expression, awaitPromise=True, returnByValue=True)
        assert "exceptionDetails" not in given, given
        return given["result"].get("value")

    def until(self, expression: str) -> None:
        """Wait for a state of the page."""
        what = f"{expression}; the page's problems: {self.problems}"
        until(lambda: bool(self.evaluate(expression)), what, self.timeout_seconds)

    def take_picture(self, file: Path) -> None:
        """A PNG of what a user sees."""
        file.write_bytes(base64.b64decode(self.call("Page.captureScreenshot", format="png")["data"]))

    def call(self, method: str, **parameters: Any) -> dict[str, Any]:
        """Call a method of the protocol, recording the events that come before its result."""
        self._number += 1
        self._devtools.send(json.dumps({"id": self._number, "method": method, "params": parameters}))
        while True:
            message = json.loads(self._devtools.recv(timeout=self.timeout_seconds))
            if message.get("id") == self._number:
                assert "error" not in message, message
                return dict(message["result"])
            self._record(message)

    def _record(self, event: dict[str, Any]) -> None:
        self._loaded |= event["method"] == "Page.loadEventFired"
        severe = event["method"] == "Log.entryAdded" and event["params"]["entry"]["level"] == "error"
        if severe or event["method"] == "Runtime.exceptionThrown":
            self.problems.append(json.dumps(event["params"]))


@contextmanager
def open_page(url: str, folder: Path, *flags: str) -> Iterator[Page]:
    """A browser of its own with this page, started with further flags; skips the test where there is no browser."""
    command = next(filter(None, map(shutil.which, NAMES)), None)
    if command is None:
        pytest.skip(f"no browser is installed: none of {', '.join(NAMES)}")
    profile = folder / "profile"
    process = subprocess.Popen(
        [
            command,
            *QUIET,
            *(flags or ["--disable-gpu"]),
            f"--user-data-dir={profile}",
            "--window-size=1100,800",
            "about:blank",
        ],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        with connect(_devtools(profile), max_size=None, proxy=None) as socket:
            page = Page(socket)
            page.open(url)
            yield page
    finally:
        process.kill()
        process.wait()


def _devtools(profile: Path) -> str:
    """The address of the first page; the browser writes its port once it listens."""
    written = profile / "DevToolsActivePort"
    until(lambda: written.exists() and "\n" in written.read_text(), "the browser listens")
    port = written.read_text().splitlines()[0]
    until(lambda: any(target["type"] == "page" for target in fetch(f"http://127.0.0.1:{port}/json")), "it has a page")
    targets = fetch(f"http://127.0.0.1:{port}/json")
    return str(next(target["webSocketDebuggerUrl"] for target in targets if target["type"] == "page"))
