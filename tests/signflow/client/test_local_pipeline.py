"""What SignFlow's backend does without a server: the local pipeline, and the lines of its log."""

import io
import json
import logging
from contextlib import closing
from pathlib import Path

import httpx2
import pytest

from app.sample_archives import EXAMPLES, build_samples
from handler.examples.signflow.features import landmarks, make_window
from signflow.backend.application import create_app
from signflow.backend.json_log import JsonLines
from signflow.client.local_pipeline import LocalPipeline
from tests.support.serving import serving

EXAMPLE = (EXAMPLES / "signflow" / "example.json").read_bytes()


@pytest.mark.anyio
async def test_the_local_pipeline_answers_as_the_archive_does(tmp_path: Path) -> None:
    build_samples(tmp_path)
    window = make_window(landmarks(json.loads(EXAMPLE)["frames"]))
    async with serving(tmp_path, "sign.mar") as client:
        served = (await client.http.post("/predictions/sign", content=EXAMPLE)).json()
    with closing(LocalPipeline(threads=2)) as local:
        found = await local(window)
    assert found.keys() == served.keys()
    assert (found["prediction"], found["device"]) == (served["prediction"], "cpu") == ("please", "cpu")
    assert found["confidence"] == pytest.approx(served["confidence"], abs=1e-3)


@pytest.mark.anyio
async def test_the_library_for_a_webcam_is_served_from_its_folder(tmp_path: Path) -> None:
    (tmp_path / "holistic.js").write_text("it")
    for folder, library in ((None, None), (tmp_path, "/holistic")):
        transport = httpx2.ASGITransport(app=create_app(folder))
        async with httpx2.AsyncClient(transport=transport, base_url="http://backend") as client:
            assert (await client.get("/camera")).json() == {"library": library}
            assert (await client.get("/holistic/holistic.js")).status_code == (200 if folder else 404)


def test_a_log_line_is_one_object_with_its_extras_and_exceptions() -> None:
    written = io.StringIO()
    handler = logging.StreamHandler(written)
    handler.setFormatter(JsonLines())
    log = logging.getLogger("signflow.test")
    log.addHandler(handler)
    log.warning("The %s\nis new", "line", extra={"event": "fallback", "place": Path("here")})
    try:
        raise ValueError("broken")
    except ValueError:
        log.exception("failed")
    log.removeHandler(handler)
    first, second = map(json.loads, written.getvalue().splitlines())
    assert {**first, "time": 0} == {
        "time": 0, "level": "WARNING", "logger": "signflow.test", "message": "The line\nis new", "event": "fallback",
        "place": "here",
    }  # fmt: skip
    assert "ValueError: broken" in second["exception"]
