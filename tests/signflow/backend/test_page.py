"""SignFlow's page in a real browser, with the backend and a model server behind it."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from app.initial_models.sample_archives import build_samples
from tests.support.browser import Page, open_page
from tests.support.signflow_processes import backend, model_server

pytestmark = pytest.mark.slow
ITEMS = "[...document.querySelectorAll('#predictions li')]"


@pytest.fixture
def page(tmp_path: Path, store: Path) -> Iterator[Page]:
    """The page, which performs two signs by itself."""
    build_samples(store)
    with (
        model_server(tmp_path, store, "sign.mar") as server,
        backend(tmp_path, server.url) as demo,
        open_page(f"{demo.url}/?user=visitor&play=hello,please", tmp_path) as page,
    ):
        yield page


def test_a_visitor_sees_signs_being_recorded_and_translated(page: Page, tmp_path: Path) -> None:
    """By the model server first, and without it once the flag is off."""
    page.until("document.querySelector('#state').dataset.state === 'RECORDING'")
    page.until("document.querySelectorAll('#predictions li').length === 2")
    assert page.evaluate(f"{ITEMS}.map((item) => item.dataset.prediction)") == ["please", "hello"]
    assert page.evaluate(f"{ITEMS}.map((item) => item.dataset.source)") == ["torchserve"] * 2
    assert page.evaluate(f"{ITEMS}.map((item) => item.dataset.performed)") == ["please", "hello"]
    assert page.evaluate("document.querySelector('#score').textContent") == "2 of 2 as performed"
    assert page.evaluate("[...document.querySelectorAll('#latest .bar span')].length") == 4
    page.evaluate("document.querySelector('#flag').click()")
    page.until("fetch('/flags').then((answer) => answer.json()).then((flags) => !flags.use_torchserve)")
    page.evaluate(
        "[...document.querySelectorAll('#signs button')].find((button) => button.textContent === 'again').click()"
    )
    page.until(f"{ITEMS}.length === 3")
    assert page.evaluate(f"[{ITEMS}[0].dataset.prediction, {ITEMS}[0].dataset.source]") == ["again", "local"]
    page.take_picture(tmp_path / "page.png")
    assert page.evaluate("document.querySelector('#trouble').textContent") == ""
    assert page.evaluate("document.querySelector('#film').hidden")  # the library for the webcam is not there
    assert page.problems == []


def test_the_camera_shows_somebody(page: Page) -> None:
    """Something is drawn, and it moves."""
    picture = "document.querySelector('#camera').toDataURL()"
    page.until("document.querySelector('#state').dataset.state === 'RECORDING'")
    first = page.evaluate(picture)
    page.until(f"{picture} !== {first!r}")
