"""The console's page in a real browser, with a real server behind it."""

import itertools
import os
from base64 import b64encode
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx2
import pytest

from tests.conftest import MakeArchive
from tests.support.browser import Page, open_page
from tests.support.console_model import CONFIG, HANDLER
from tests.support.processes import TIMEOUT_SECONDS, Server

pytestmark = pytest.mark.slow
TOKEN = "sesame"
SECTIONS = ("live", "try", "manage", "log", "configuration")


@contextmanager
def opened(archive: MakeArchive, store: Path, hash_: str = "", **environ: str) -> Iterator[tuple[Page, Server]]:
    """The page, and the server behind it with one version of the model; another archive lies in the store."""
    archive("upper", HANDLER, config=CONFIG)
    archive("upper", HANDLER, config=CONFIG, version="2.0", file="next.mar")
    with Server.of(store, "upper.mar", environ=environ) as server:
        server.until_listening()
        with open_page(f"{server.url}/{hash_}", store.parent) as page:
            yield page, server


def text(page: Page, selector: str) -> str:
    """The text of an element, "" where there is none."""
    return str(page.evaluate(f"document.querySelector('{selector}')?.textContent ?? ''"))


def fill(page: Page, selector: str, value: str) -> None:
    """Type into a field."""
    page.evaluate(
        f"(() => {{ const field = document.querySelector('{selector}'); field.value = {value!r};"
        " field.dispatchEvent(new Event('input', { bubbles: true })); })()"
    )


def choose_file(page: Page, name: str, content: bytes) -> None:
    """Choose a file to upload."""
    page.evaluate(
        "(() => { const chosen = new DataTransfer();"
        f" chosen.items.add(new File([Uint8Array.from(atob('{b64encode(content).decode()}'), (c) => c.charCodeAt(0))],"
        f" '{name}')); document.querySelector('#upload [name=file]').files = chosen.files; }})()"
    )


def click(page: Page, selector: str) -> None:
    """Click an element."""
    page.evaluate(f"document.querySelector('{selector}').click()")


def managed(page: Page, words: str) -> None:
    """Wait for a management call's confirmation."""
    page.until(f"document.querySelector('#manage-result').textContent.includes({words!r})")
    assert page.evaluate("document.querySelector('#manage-result').dataset.state") == "good"


def test_requests_batches_and_workers_appear_as_they_come(archive: MakeArchive, store: Path) -> None:
    with opened(archive, store) as (page, server):
        page.until("document.querySelectorAll('[data-version=\"1.0\"] .workers [data-state=good]').length === 2")
        assert text(page, ".empty") == "No batch yet."
        assert httpx2.post(f"{server.url}/predictions/upper", content="a", timeout=TIMEOUT_SECONDS).text == "A"
        page.until("document.querySelectorAll('.bars li').length === 1")
        page.until("document.querySelector('.figures').textContent.includes(' ms')")
        assert text(page, "#status") == "Live"
        assert page.problems == []


def test_a_request_is_tried_and_is_a_command(archive: MakeArchive, store: Path) -> None:
    with opened(archive, store, "#try") as (page, server):
        page.until("document.querySelector('#try-model').value === 'upper'")
        fill(page, "#try-kind", "text/plain")
        fill(page, "#try-text", "it's")
        fill(page, "#try-version", "1.0")
        assert page.evaluate("document.querySelector('#try-curl').value") == (
            f"curl -i '{server.url}/predictions/upper/1.0' -H 'content-type: text/plain' --data-binary 'it'\\''s'"
        )
        click(page, "#try-send")
        page.until("document.querySelector('#try-answer')?.textContent === \"IT'S\"")
        assert text(page, "#try-result h3") == "200"
        assert "x-request-id: " in text(page, "#try-result")
        phases = text(page, ".waterfall")
        assert all(name in phases for name in ("queue", "batch of 1", "handler", "encoding"))
        fill(page, "#try-text", "fail")
        click(page, "#try-send")
        page.until("document.querySelector('#try-result h3')?.textContent.startsWith('503')")
        assert "Prediction failed" in text(page, "#try-answer")


def test_models_are_registered_scaled_switched_and_unregistered(archive: MakeArchive, store: Path) -> None:
    with opened(archive, store, "#manage") as (page, _):
        page.until("!document.querySelector('#manage-controls').disabled")
        page.evaluate("window.confirm = () => true")
        fill(page, "#register [name=url]", "nothing.mar")
        click(page, "#register button")
        page.until("document.querySelector('#manage-result').dataset.state === 'bad'")
        assert "nothing.mar failed (4" in text(page, "#manage-result")
        fill(page, "#register [name=url]", "next.mar")
        click(page, "#register button")
        managed(page, "Version: 2.0 registered with 2 initial workers")
        page.until("document.querySelector('[aria-label=\"upper 2.0\"]') !== null")
        fill(page, '[aria-label="upper 2.0"] input', "3")
        click(page, '[aria-label="upper 2.0"] button')
        managed(page, "Workers scaled to 3")
        page.until("document.querySelector('[aria-label=\"upper 2.0\"] input').value === '3'")
        click(page, '[aria-label="upper 2.0"] button:nth-of-type(2)')
        managed(page, "Default version successfully updated")
        page.until("document.querySelector('[aria-label=\"upper 2.0\"]').textContent.includes('(default)')")
        click(page, '[aria-label="upper 1.0"] .danger')
        managed(page, 'Model "upper" unregistered')
        page.until("!document.querySelector('[aria-label=\"upper 1.0\"]')")


def test_an_archive_is_uploaded_and_registered(archive: MakeArchive, store: Path, tmp_path: Path) -> None:
    content = archive("sent", HANDLER, {"large.bin": os.urandom(150_000)}).rename(tmp_path / "sent.mar").read_bytes()
    with opened(archive, store, "#manage", TS_MAX_REQUEST_SIZE="65536") as (page, _):
        page.until("!document.querySelector('#manage-controls').disabled")
        assert str(store) in text(page, "#upload-about")
        choose_file(page, "sent.mar", b"<html>")
        click(page, "#upload button")
        page.until("document.querySelector('#manage-result').textContent.includes('sent.mar is no zip file')")
        choose_file(page, "sent.mar", content)
        click(page, "#upload button")
        managed(page, 'Model "sent" Version: 1.0 registered with 1 initial workers')
        page.until("document.querySelector('[data-manage=sent]') !== null")
        assert (store / "sent.mar").read_bytes() == content
        click(page, "#upload button")
        page.until("document.querySelector('#manage-result').textContent.includes('has a file sent.mar already')")


def test_a_switch_needs_the_answer_to_its_smoke_request(archive: MakeArchive, store: Path) -> None:
    with opened(archive, store, "#manage") as (page, server):
        httpx2.post(f"{server.url}/models?url=next.mar&initial_workers=1", timeout=TIMEOUT_SECONDS).raise_for_status()
        form = '[aria-label="Switch of upper"]'
        page.until(f"document.querySelector('{form} textarea')?.value === 'hello'")  # its warm-up request
        fill(page, f"{form} textarea", "fail")
        click(page, f"{form} button")
        page.until("document.querySelector('#manage-result').textContent.includes('Nothing has changed')")
        assert "Smoke request to upper 2.0 failed (503): Prediction failed" in text(page, "#manage-result")
        fill(page, f"{form} textarea", "hello")
        click(page, f"{form} [name=ends]")
        click(page, f"{form} button")
        managed(page, 'Model "upper" unregistered')
        assert "Smoke request to upper 2.0: answered, 5 characters" in text(page, "#manage-result")
        described = httpx2.get(f"{server.url}/models/upper/all", timeout=TIMEOUT_SECONDS).json()
        assert [each["modelVersion"] for each in described] == ["2.0"]


def test_the_warm_up_request_is_tried_first_and_by_twenty_clients(archive: MakeArchive, store: Path) -> None:
    with opened(archive, store, "#try") as (page, _):
        page.until("document.querySelector('#try-text').value === 'hello'")
        assert page.evaluate("document.querySelector('#try-kind').value") == "text/plain"
        click(page, "#try-send")
        page.until("document.querySelector('#try-answer')?.textContent === 'HELLO'")
        page.until("!document.querySelector('#try-load').hidden")
        click(page, "#try-load")
        page.until("document.querySelector('#load-gain') !== null")
        rows = page.evaluate("[...document.querySelectorAll('#load-table tbody tr')].map((row) => row.textContent)")
        assert [row.startswith(clients) for row, clients in zip(rows, ("1", "20"), strict=True)] == [True, True]
        assert page.evaluate("document.querySelectorAll('#load-bars li').length") > 0
        assert page.problems == []


def test_the_log_of_a_model_appears_as_it_is_written(archive: MakeArchive, store: Path) -> None:
    with opened(archive, store, "#log") as (page, server):
        page.until("document.querySelector('#status').dataset.state === 'live'")
        httpx2.post(f"{server.url}/predictions/upper", content="fail", timeout=TIMEOUT_SECONDS)
        page.until("document.querySelector('#log-lines').textContent.includes('ValueError: the text says so')")
        assert page.evaluate("document.querySelector('#log-empty').hidden")
        fill(page, "#log-filter", "nothing that is there")
        assert page.evaluate("document.querySelectorAll('#log-lines li').length") == 0
        fill(page, "#log-filter", "the text says so")
        assert page.evaluate("document.querySelectorAll('#log-lines li').length") >= 1
        click(page, "#log-clear")
        assert text(page, "#log-lines") == ""


def test_a_rollout_is_started_and_aborted(archive: MakeArchive, store: Path) -> None:
    with opened(archive, store, "#manage") as (page, server):
        httpx2.post(f"{server.url}/models?url=next.mar&initial_workers=1", timeout=TIMEOUT_SECONDS).raise_for_status()
        page.until("document.querySelector('[aria-label=\"Rollout of upper\"]') !== null")
        click(page, '[aria-label="Rollout of upper"] button')
        page.until("document.querySelector('.rollout')?.textContent.includes('Rollout 1.0 → 2.0: stepping, 1 %')")
        page.until("document.querySelector('div.row .danger') !== null")
        click(page, "div.row .danger")
        page.until("document.querySelector('.rollout')?.textContent.includes('aborted')")


def test_without_the_token_nothing_is_shown_and_nothing_can_be_changed(archive: MakeArchive, store: Path) -> None:
    locked = {"MARSERVE_MANAGEMENT_TOKEN": TOKEN, "K_SERVICE": "x"}
    with opened(archive, store, **locked) as (page, _):
        page.until("!document.querySelector('#unlock').hidden")
        assert text(page, "#status") == "Token needed"
        assert page.evaluate("document.querySelector('#manage-controls').disabled")
        assert text(page, "#models") == ""
        fill(page, "#token", "wrong")
        click(page, "#unlock button")
        page.until("document.querySelector('#unlock-error').textContent.includes('does not accept')")
        fill(page, "#token", TOKEN)
        click(page, "#unlock button")
        page.until("document.querySelector('#unlock').hidden && document.querySelector('[data-model=upper]') !== null")
        assert not page.evaluate("document.querySelector('#manage-controls').disabled")
        page.evaluate("location.hash = 'configuration'")
        page.until("document.querySelector('#configuration-table').textContent.includes('model_store')")
        assert TOKEN not in text(page, "main")


def test_a_phone_needs_no_scrolling_sideways(archive: MakeArchive, store: Path) -> None:
    with opened(archive, store) as (page, _):
        page.call("Emulation.setDeviceMetricsOverride", width=360, height=740, deviceScaleFactor=1, mobile=True)
        page.until("document.querySelector('[data-model=upper]') !== null")
        for section in SECTIONS:
            page.evaluate(f"location.hash = '{section}'")
            page.until(f"!document.querySelector('main > #{section}').hidden")
            assert page.evaluate("document.documentElement.scrollWidth") <= 360, section


def test_axe_core_finds_nothing(archive: MakeArchive, store: Path) -> None:
    """In each section, light and dark; AXE_CORE names the axe.min.js of the npm package axe-core."""
    if not os.environ.get("AXE_CORE"):
        pytest.skip("AXE_CORE names no axe.min.js; `npm install axe-core` in any folder has one")
    with opened(archive, store) as (page, _):
        page.until("document.querySelector('[data-model=upper]') !== null")
        page.evaluate(Path(os.environ["AXE_CORE"]).read_text() + "; 0")
        for scheme, section in itertools.product(("light", "dark"), SECTIONS):
            page.call("Emulation.setEmulatedMedia", features=[{"name": "prefers-color-scheme", "value": scheme}])
            page.evaluate(f"location.hash = '{section}'")
            page.until(f"!document.querySelector('main > #{section}').hidden")
            found = page.evaluate("axe.run().then(({ violations }) => violations.map(({ id, help }) => [id, help]))")
            assert found == [], (scheme, section)
