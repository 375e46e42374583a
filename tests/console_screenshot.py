"""Pictures of the console with a server under load behind it: python -m tests.console_screenshot [FOLDER].

Without a folder the pictures of README and docs are written: console.png and batching.png in docs/images.
"""

import itertools
import json
import sys
import tempfile
import textwrap
import zipfile
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from threading import Event

import httpx2

from tests.support.browser import Page, open_page
from tests.support.console_model import CONFIG, HANDLER
from tests.support.processes import Server

DOCUMENTED = Path(__file__).parents[1] / "docs" / "images"
CLIENTS = 12
SAMPLES_SHOWN = (
    "document.querySelectorAll('.spark path.line').length > 3 && document.querySelectorAll('.bars li').length"
)
VIEWS = {
    "desktop": {"width": 1100, "height": 800, "deviceScaleFactor": 1, "mobile": False},
    "phone": {"width": 390, "height": 844, "deviceScaleFactor": 2, "mobile": True},
}
SLOW = HANDLER.replace(
    "def handle(self, data, context):", "def handle(self, data, context):\n            time.sleep(0.01)"
)


def pack(store: Path, name: str, version: str, handler: str) -> str:
    """Write an archive to the store; returns its name."""
    model = {"modelName": name, "modelVersion": version, "handler": "handler.py", "configFile": "model-config.yaml"}
    file = f"{name}-{version}.mar"
    with zipfile.ZipFile(store / file, "w") as archive:
        archive.writestr("MAR-INF/MANIFEST.json", json.dumps({"runtime": "python", "model": model}))
        archive.writestr("handler.py", "import time\n" + textwrap.dedent(handler))
        archive.writestr("model-config.yaml", textwrap.dedent(CONFIG))
    return file


@contextmanager
def load(url: str) -> Iterator[None]:
    """Clients that predict one request after the other while the block runs."""
    stop = Event()

    def predict(number: int) -> None:
        with httpx2.Client(base_url=url, timeout=60) as client:
            for turn in itertools.count():
                if stop.wait(0.002 * (number % 4)):
                    return
                client.post("/predictions/upper", content="fail" if turn % 97 == 96 else "hello")

    with ThreadPoolExecutor(CLIENTS) as pool:
        for number in range(CLIENTS):
            pool.submit(predict, number)
        try:
            yield
        finally:
            stop.set()


def prepare(url: str) -> None:
    """Scale, and divide the traffic between both versions."""
    for call, body in (("models/upper/2.0?min_worker=1&synchronous=true", None),
                       ("models/upper/traffic", {"weights": {"1.0": 90, "2.0": 10}})):  # fmt: skip
        httpx2.put(f"{url}/{call}", json=body, timeout=60).raise_for_status()


def show(page: Page, view: str, scheme: str) -> None:
    """Choose a window and a colour scheme."""
    page.call("Emulation.setDeviceMetricsOverride", **VIEWS[view])
    page.call("Emulation.setEmulatedMedia", features=[{"name": "prefers-color-scheme", "value": scheme}])


def take_all(page: Page, folder: Path) -> None:
    """A picture of each section in each view and scheme."""
    for view, scheme, section in itertools.product(
        VIEWS, ("light", "dark"), ("live", "try", "manage", "log", "configuration")
    ):
        show(page, view, scheme)
        page.evaluate(f"location.hash = '{section}'")
        if section == "try":
            page.evaluate("document.querySelector('#try-send').click()")
            page.until("document.querySelector('#try-answer') !== null")
        page.take_picture(folder / f"{section}-{view}-{scheme}.png")


def take_load(page: Page, file: Path) -> None:
    """A picture of what 20 clients get, without the form above it."""
    show(page, "desktop", "light")
    page.until("document.querySelector('#try-text').value === 'hello'")
    page.evaluate("document.querySelector('#try-version').value = '1.0'")
    page.evaluate("document.querySelector('#try-load').click()")
    page.until("document.querySelector('#load-gain') !== null")
    page.evaluate("document.querySelector('#try-form').hidden = true")
    page.call("Emulation.setDeviceMetricsOverride", **{**VIEWS["desktop"], "height": 470})
    page.take_picture(file)


def main(folder: Path | None) -> None:
    """Start a server, load it for a while, and take the pictures."""
    with tempfile.TemporaryDirectory() as temporary:
        store = Path(temporary, "store")
        store.mkdir()
        archives = [pack(store, "upper", "1.0", SLOW), pack(store, "upper", "2.0", HANDLER)]
        with Server.of(store, *archives) as server:
            server.until_listening()
            prepare(server.url)
            with load(server.url), open_page(f"{server.url}/", Path(temporary)) as page:
                page.until(SAMPLES_SHOWN)
                for _ in range(20):  # a second each, to have something to show
                    page.evaluate("new Promise((resolve) => setTimeout(resolve, 1000))")
                if folder is not None:
                    take_all(page, folder)
                    return
                show(page, "desktop", "light")
                page.take_picture(DOCUMENTED / "console.png")
            with open_page(f"{server.url}/#try", Path(temporary, "batching")) as page:
                take_load(page, DOCUMENTED / "batching.png")


if __name__ == "__main__":
    main(Path(sys.argv[1]) if len(sys.argv) > 1 else None)
