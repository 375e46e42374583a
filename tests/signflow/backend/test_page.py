"""SignFlow's page in a real browser, with the backend and a model server behind it."""

import dataclasses
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from app.initial_models.sample_archives import build_samples, sign
from model_registry.archive.packer import pack
from tests.support.browser import Page, open_page
from tests.support.signflow_processes import Process, backend, fetch, model_server

pytestmark = pytest.mark.slow
LOCALLY = "document.querySelector('#locally').textContent"
ITEMS = "[...document.querySelectorAll('#predictions li')]"


@contextmanager
def opened(tmp_path: Path, store: Path, query: str, **environment: str) -> Iterator[tuple[Page, Process]]:
    """The page, and the model server behind it."""
    build_samples(store)
    with (
        model_server(tmp_path, store, "sign.mar") as server,
        backend(tmp_path, server.url, **environment) as demo,
        open_page(f"{demo.url}/?user=visitor{query}", tmp_path) as page,
    ):
        page.until("!document.querySelector('#server').textContent.startsWith('Asking')")
        yield page, server


def text(page: Page, selector: str) -> str:
    """The text of an element."""
    return str(page.evaluate(f"document.querySelector('{selector}').textContent"))


def right(selector: str) -> str:
    """Where an element ends, as an expression."""
    return f"document.querySelector('{selector}').getBoundingClientRect().right"


def bottom(selector: str) -> str:
    """Where an element ends at its foot, as an expression."""
    return f"document.querySelector('{selector}').getBoundingClientRect().bottom"


def click(page: Page, selector: str) -> None:
    """Click an element."""
    page.evaluate(f"document.querySelector('{selector}').click()")


def click_sign(page: Page, sign: str) -> None:
    """Perform a sign of the list."""
    page.evaluate(
        f"[...document.querySelectorAll('#signs button')].find((each) => each.textContent === '{sign}').click()"
    )


def test_signs_are_recorded_and_translated_and_join_into_a_sentence(tmp_path: Path, store: Path) -> None:
    with opened(tmp_path, store, "&play=hello,please") as (page, _):
        page.until("document.querySelector('#state').dataset.state === 'RECORDING'")
        page.until("document.querySelector('#state').dataset.state === 'INFERRING'")  # it is shown for long enough
        page.until(f"{ITEMS}.length === 2")
        assert page.evaluate(f"{ITEMS}.map((item) => item.dataset.prediction)") == ["please", "hello"]
        assert page.evaluate(f"{ITEMS}.map((item) => item.dataset.source)") == ["torchserve"] * 2
        assert page.evaluate(f"{ITEMS}.map((item) => item.dataset.performed)") == ["please", "hello"]
        assert text(page, "#score") == "2 of 2 as performed"
        assert page.evaluate("[...document.querySelectorAll('#latest .bar span')].length") == 4
        assert text(page, "#server") == "Model server: in use"
        assert page.evaluate("[...document.querySelectorAll('#tokens span')].map((each) => each.textContent)") == [
            "hello",
            "please",
        ]
        click(page, "#undo")
        assert text(page, "#tokens") == "hello"
        click(page, "#clear")
        assert page.evaluate("document.querySelector('#undo').disabled")
        assert text(page, "#trouble") == ""
        assert page.evaluate("document.querySelector('#webcam').hidden")  # the library for the webcam is not there
        assert page.problems == []


def test_the_page_says_who_translates_and_why(tmp_path: Path, store: Path) -> None:
    """The flag, and a server that is gone: refused first, then the circuit is open."""
    environment = {"TORCHSERVE_FAILURES": "2", "TORCHSERVE_COOLDOWN_MS": "60000"}
    with opened(tmp_path, store, "&play=", **environment) as (page, server):
        click(page, "#flag")
        page.until("document.querySelector('#server').textContent === 'Model server: flag off'")
        click_sign(page, "again")
        page.until(f"{ITEMS}.length === 1")
        assert page.evaluate(f"[{ITEMS}[0].dataset.prediction, {ITEMS}[0].dataset.source]") == ["again", "local"]
        assert text(page, "#latest .why") == "Local: the flag is off"
        assert text(page, "#predictions .source") == "local: flag off"
        click(page, "#flag")
        page.until("document.querySelector('#server').textContent === 'Model server: in use'")
        server.kill()
        click_sign(page, "hello")
        page.until(f"{ITEMS}.length === 2")
        failing = "Model server: in use, but the last time the connection was refused"
        page.until(f"document.querySelector('#server').textContent === '{failing}'")
        for number, reason in enumerate(("the connection was refused", "the circuit is open until"), start=3):
            click_sign(page, "hello")
            page.until(f"{ITEMS}.length === {number}")
            assert text(page, "#latest .why").startswith(f"Local: {reason}")
        assert page.evaluate(f"{ITEMS}.slice(0, 3).map((item) => item.lastChild.textContent)") == [
            "local: circuit",
            "local: refused",
            "local: refused",
        ]
        page.until(
            "document.querySelector('#server').textContent.startsWith('Model server: circuit open, next probe in ')"
        )
        assert page.problems == []


def test_the_page_shows_the_version_that_a_traffic_rule_chose(tmp_path: Path, store: Path) -> None:
    with opened(tmp_path, store, "&play=") as (page, server):
        pack(dataclasses.replace(sign(), model_name="sign-2.0", version="2.0"), store)
        fetch(f"{server.url}/models?url=sign-2.0.mar&model_name=sign&initial_workers=1&synchronous=true", "POST")
        chips = "[...document.querySelectorAll('.source')].map((chip) => [chip.textContent, chip.title])"
        click_sign(page, "hello")
        page.until(f"{ITEMS}.length === 1")
        assert page.evaluate(chips) == [["server", "the default version"]] * 2
        fetch(f"{server.url}/models/sign/traffic", "PUT", {"weights": {"2.0": 1}})
        click_sign(page, "hello")
        page.until(f"{ITEMS}.length === 2")
        assert page.evaluate(chips)[:2] == [["server 2.0", ""]] * 2
        assert page.problems == []


def test_the_page_plays_by_itself_and_nothing_on_it_is_empty(tmp_path: Path, store: Path) -> None:
    with opened(tmp_path, store, "") as (page, _):
        placeholders = (
            "[...document.querySelectorAll('[data-empty]:empty')].map((each) => each.dataset.empty.length > 9)"
        )
        assert all(page.evaluate(placeholders))
        assert text(page, "#prediction .sign") != ""
        picture = "document.querySelector('#figure').toDataURL()"
        page.until("document.querySelector('#state').dataset.state === 'RECORDING'")
        first = page.evaluate(picture)
        page.until(f"{picture} !== {first!r}")
        page.until(f"{ITEMS}.length === 2")
        click(page, "#stop")
        assert page.evaluate("document.querySelector('#play').getAttribute('aria-pressed')") == "false"
        assert page.problems == []


@pytest.mark.long
def test_a_page_that_waits_for_a_choice_or_for_its_backend_says_so(tmp_path: Path, store: Path) -> None:
    with opened(tmp_path, store, "&play=") as (page, _):
        assert page.evaluate(
            "(({ canvas, pen }) => pen.getImageData(0, 0, canvas.width, canvas.height).data.some(Boolean))"
            "({ canvas: document.querySelector('#figure'), pen: document.querySelector('#figure').getContext('2d') })"
        )
        assert text(page, "#caption") == "Choose a sign"
        click_sign(page, "hello")
        page.until("document.querySelector('#caption').textContent === 'hello'")
        page.until(f"{ITEMS}.length === 1")
        page.until("document.querySelector('#caption').textContent === 'Choose a sign'")
        # The backend is gone: it is said, and the flag stays.
        server = "document.querySelector('#server')"
        page.evaluate("window.ask = window.fetch; window.fetch = () => Promise.reject(new Error('no connection'))")
        click(page, "#flag")
        page.until(f"{server}.textContent === 'Model server: unknown, for the backend does not answer'")
        page.until("document.querySelector('#trouble').textContent === 'The flag is as before: no connection'")
        assert page.evaluate("[document.querySelector('#flag').checked, document.querySelector('#flag').disabled]") == [
            True,
            True,
        ]
        assert page.evaluate(f"{server}.dataset.state") == "off"
        page.evaluate("window.fetch = window.ask")
        page.until(f"{server}.textContent === 'Model server: in use'")
        assert not page.evaluate("document.querySelector('#flag').disabled")
        assert page.problems == []


@pytest.mark.long
def test_long_times_do_not_break_the_layout_of_a_phone_and_long_lists_not_that_of_a_screen(
    tmp_path: Path, store: Path
) -> None:
    with opened(tmp_path, store, "&play=hello") as (page, _):
        assert page.evaluate(
            "import('/static/view.js').then(({ duration }) => [6.13, 999.4, 1002.8, 61000].map(duration))"
        ) == ["6.1 ms", "999.4 ms", "1.00 s", "61.00 s"]
        page.until(f"{ITEMS}.length === 1")
        page.evaluate(f"{ITEMS}[0].children[3].textContent = '1002.8 ms'")
        height = page.evaluate(f"{ITEMS}[0].offsetHeight")
        assert height < 45
        page.call("Emulation.setDeviceMetricsOverride", width=375, height=700, deviceScaleFactor=1, mobile=True)
        assert page.evaluate("document.documentElement.scrollWidth") <= 375
        assert page.evaluate(f"{ITEMS}[0].offsetHeight") == height
        page.evaluate(f"{ITEMS}[0].children[1].textContent = 'thank you'")
        page.evaluate(f"{ITEMS}[0].lastChild.textContent = 'local: flag off'")
        assert page.evaluate(
            f"(({{ scrollWidth, clientWidth }}) => scrollWidth <= clientWidth)({ITEMS}[0].children[1])"
        )
        times = "document.querySelectorAll('#load td:nth-of-type(2), #load td:nth-of-type(3)')"
        page.evaluate(f"{times}.forEach((cell) => {{ cell.textContent = '999.4 ms'; }})")
        page.evaluate("document.querySelector('#with-server').classList.add('running')")
        assert page.evaluate(f"{right('#load table')} < {right('#batches')} + 1")
        # On a wide one the history does not move the page, and the latest sign of a long sentence is in sight.
        page.call("Emulation.setDeviceMetricsOverride", width=1100, height=800, deviceScaleFactor=1, mobile=False)
        height = page.evaluate("document.documentElement.scrollHeight")
        copy = f"document.querySelector('#predictions').append({ITEMS}[0].cloneNode(true))"
        page.evaluate(f"for (let i = 0; i < 11; i++) {copy}")
        assert page.evaluate("document.documentElement.scrollHeight") == height
        page.evaluate("Object.assign(document.querySelector('#tokens').style, { maxHeight: '2.2rem', width: '6rem' })")
        for number in (2, 3):
            click_sign(page, "please")
            page.until(f"document.querySelectorAll('#tokens span').length === {number}")
        assert page.evaluate(f"{bottom('#tokens span:last-child')} < {bottom('#tokens')} + 1")


def test_twenty_signers_show_their_times_with_and_without_the_server_and_the_batches(
    tmp_path: Path, store: Path
) -> None:
    with opened(tmp_path, store, "&play=") as (page, _):
        click(page, "#start-load")
        signs = "[...document.querySelectorAll('#load tbody tr')].map((row) => Number(row.children[4].textContent))"
        page.until(f"{signs}[0] >= 20 && document.querySelectorAll('.batch').length > 0")
        page.until(f"{signs}[1] >= 20")
        click(page, "#start-load")
        page.until("document.querySelector('#start-load').textContent === '20 signers'")
        lost = "[...document.querySelectorAll('#load tbody tr')].map((row) => Number(row.children[5].textContent))"
        assert page.evaluate(lost) == [0, 0]  # what was signed to its end before the stop is waited for
        assert text(page, "#locally") == ""
        assert text(page, "#server") == "Model server: in use"
        page.take_picture(tmp_path / "page.png")
        assert page.problems == []


@pytest.mark.long
def test_signers_who_find_no_server_are_not_counted_as_its_users(tmp_path: Path, store: Path) -> None:
    with opened(tmp_path, store, "&play=", TORCHSERVE_FAILURES="1", TORCHSERVE_COOLDOWN_MS="60000") as (page, server):
        server.kill()
        click(page, "#start-load")
        page.until(f"/^[1-9][0-9]* of these [0-9]+ signs were translated locally/.test({LOCALLY})")
        page.until(f"{LOCALLY}.includes('the last one because the circuit is open until ')")
        assert page.evaluate("document.querySelector('#batches').dataset.empty") == "The server does not tell them."
        assert text(page, "#caption") == "20 others are signing"
        click(page, "#start-load")
        page.until("document.querySelector('#caption').textContent === 'Choose a sign'")
        assert page.problems == []
