"""The page's webcam in a real browser with a fake camera."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pytest

from signflow.archive import read_labels
from signflow.training.synthetic import make_signs, perform
from tests.support.browser import Page, open_page
from tests.support.drawn_figure import write_video
from tests.support.signflow_processes import BACKEND, Process

pytestmark = pytest.mark.slow
HOLISTIC = os.environ.get("MARSERVE_HOLISTIC")
"""The folder of the npm package @mediapipe/holistic."""
CAMERA = ("--use-fake-device-for-media-stream", "--use-fake-ui-for-media-stream")
RENDERER = ("--enable-unsafe-swiftshader", "--use-gl=angle", "--use-angle=swiftshader", "--ignore-gpu-blocklist")
LIBRARY = """
window.Holistic = class {
  constructor({ locateFile }) { this.model = locateFile("model.tflite"); this.frames = []; }
  setOptions() {}
  onResults(listener) { this.listener = listener; }
  async initialize() {
    await new Promise((resolve) => { window.finishLoading = resolve; });
    this.frames = await (await fetch("/performances/hello?seed=3")).json();
  }
  async send({ image }) {
    window.pictureWidth = image.videoWidth;
    await new Promise((resolve) => { setTimeout(resolve, 34); });
    const points = (list) => list && list.map(([x, y, z]) => ({ x, y, z, visibility: 1 }));
    const { pose, hands: { left, right } } = this.frames.shift() ?? { hands: {} };
    this.listener({ poseLandmarks: points(pose), leftHandLandmarks: points(left), rightHandLandmarks: points(right) });
  }
  async close() {}
};
"""
"""In the place of the landmark library: whatever the picture, a person performs "hello" and disappears."""


@contextmanager
def opened(tmp_path: Path, library: Path, *flags: str) -> Iterator[Page]:
    """The page with its webcam's button."""
    demo = Process([*BACKEND, "--holistic", str(library)], tmp_path)
    demo.start("/signs")
    try:
        with open_page(f"{demo.url}/?play=", tmp_path, *flags) as page:
            page.until("!document.querySelector('#webcam').hidden")
            page.evaluate("document.querySelector('#webcam').click()")
            yield page
    finally:
        demo.kill()


def test_the_picture_the_progress_and_who_leaves_are_shown_and_the_sign_is_translated(tmp_path: Path) -> None:
    (tmp_path / "library").mkdir()
    (tmp_path / "library" / "holistic.js").write_text(LIBRARY)
    with opened(tmp_path, tmp_path / "library", *CAMERA) as page:
        page.until("document.querySelector('#progress').textContent === 'Loading model.tflite'")
        assert page.evaluate("document.querySelector('#video').videoWidth") == 640
        assert not page.evaluate("document.querySelector('#video').hidden")
        page.evaluate("window.finishLoading()")
        page.until("document.querySelector('#caption').textContent === 'Nobody is seen'")
        page.until("document.querySelector('#figure').classList.contains('faded')")
        page.until("document.querySelectorAll('#predictions li').length === 1")
        assert page.evaluate("document.querySelector('#predictions li').dataset.prediction") == "hello"
        assert page.evaluate("window.pictureWidth") == 640
        assert page.evaluate("document.querySelector('#progress').hidden")
        page.evaluate("document.querySelector('#webcam').click()")
        page.until("document.querySelector('#video').hidden")
        assert page.problems == []


def test_a_camera_that_is_refused_is_said(tmp_path: Path) -> None:
    (tmp_path / "library").mkdir()
    with opened(tmp_path, tmp_path / "library") as page:
        page.until("document.querySelector('#trouble').textContent.startsWith('No webcam: ')")
        assert page.evaluate("document.querySelector('#webcam').textContent") == "Use the webcam"
        page.evaluate("Object.defineProperty(navigator, 'mediaDevices', { value: undefined })")
        page.evaluate("document.querySelector('#webcam').click()")
        page.until("document.querySelector('#trouble').textContent.includes('pages of https and of localhost')")


def test_a_webcam_that_is_stopped_while_its_library_loads_stays_stopped(tmp_path: Path) -> None:
    (tmp_path / "library").mkdir()
    (tmp_path / "library" / "holistic.js").write_text(LIBRARY)
    with opened(tmp_path, tmp_path / "library", *CAMERA) as page:
        page.until("document.querySelector('#progress').textContent === 'Loading model.tflite'")
        page.evaluate("document.querySelector('#stop').click()")
        page.evaluate("document.querySelector('#webcam').click()")  # no second one beside it
        page.evaluate("window.finishLoading()")
        page.until("document.querySelector('#webcam').textContent === 'Use the webcam'")
        assert page.evaluate(
            "[document.querySelector('#video').hidden, document.querySelector('#progress').hidden]"
        ) == [
            True,
            True,
        ]
        assert page.evaluate("document.querySelector('#caption').textContent") == "Choose a sign"
        assert page.problems == []


@pytest.mark.skipif(HOLISTIC is None, reason="MARSERVE_HOLISTIC names no folder of @mediapipe/holistic")
def test_the_landmark_library_finds_a_drawn_figure(tmp_path: Path) -> None:
    """Without a GPU a picture takes seconds, so that a whole sign is not waited for."""
    assert HOLISTIC is not None
    points = perform(make_signs(len(read_labels()))[2], np.random.default_rng(49))
    write_video(tmp_path / "camera.mjpeg", [points[len(points) // 2, 42:]] * 30)
    video = f"--use-file-for-fake-video-capture={tmp_path / 'camera.mjpeg'}"
    with opened(tmp_path, Path(HOLISTIC), *CAMERA, *RENDERER, video) as page:
        page.timeout_seconds = 600
        page.until("document.querySelector('#rate').textContent !== ''")
        assert page.evaluate("document.querySelector('#caption').textContent") == ""
        page.take_picture(tmp_path / "webcam.png")
        assert page.problems == []
