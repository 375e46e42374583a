"""SignFlow's handlers: every form of a request, in TorchScript and in ONNX, and what happens to malformed ones."""

import base64
import dataclasses
import io
import json
import re
import subprocess
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from app.initial_models.sample_archives import EXAMPLES, sign
from handler.examples.signflow.features import landmarks, make_window
from handler.job import Input
from model_registry.archive.packer import pack
from tests.support.one_service import Predict, body, form, service_of
from tests.support.one_worker import OneWorker
from tests.support.processes import MARSERVE

pytestmark = pytest.mark.filterwarnings("ignore:.*torch.jit.*:DeprecationWarning")
needs_torch = pytest.mark.skipif(find_spec("torch") is None, reason="torch is not installed")

SIGNFLOW = EXAMPLES / "signflow"
FRAMES = json.loads((SIGNFLOW / "example.json").read_text())["frames"]
WINDOW = make_window(landmarks(FRAMES))
BYTES = WINDOW.astype("<f4").tobytes()
WANTED = r'Send \{"frames": \[...\]\} with landmarks'


def npy(array: np.ndarray) -> bytes:
    """The array as a .npy file."""
    file = io.BytesIO()
    np.save(file, array, allow_pickle=True)
    return file.getvalue()


def npy_head(*shape: int) -> bytes:
    """The head of a .npy file whose numbers never come."""
    file = io.BytesIO()
    np.lib.format.write_array_header_1_0(file, {"descr": "<f4", "fortran_order": False, "shape": shape})
    return file.getvalue()


def archive(variant: str, folder: Path) -> Path:
    """The archive of one way to run a model."""
    if variant == "onnx":
        return pack(sign(), folder)
    recipe = dataclasses.replace(sign(), handler=str(SIGNFLOW / "handler.py"))
    if not variant.endswith(".onnx"):
        from signflow.training.export import export
        from signflow.training.model import WEIGHTS, load

        weights = folder / variant
        export(load(weights.stem, 20, WEIGHTS / f"{weights.stem}.npz"), weights)
        recipe = dataclasses.replace(recipe, serialized_file=str(weights))
    return pack(recipe, folder)


@pytest.fixture(
    scope="module",
    params=[
        "onnx",
        *(pytest.param(each, marks=needs_torch) for each in ("transformer.onnx", "transformer.pt", "gcn.pt")),
    ],
)
def predict(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Predict]:
    """The handler without torch, then the one that inherits from BaseHandler: in ONNX, then in TorchScript."""
    folder = tmp_path_factory.mktemp("signflow")
    with service_of(archive(request.param, folder), folder / "unpacked") as loaded:
        yield loaded


@pytest.fixture(scope="module")
def onnx(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Predict]:
    """The sample archive."""
    folder = tmp_path_factory.mktemp("signflow")
    with service_of(archive("onnx", folder), folder / "unpacked") as loaded:
        yield loaded


FORMS = {
    "frames": body({"frames": FRAMES}),
    "a list of frames": body(FRAMES),
    "a window": body({"window": WINDOW.tolist()}),
    "a list of lists": body(WINDOW.tolist()),
    "base64": body({"window_b64": base64.b64encode(BYTES).decode()}),
    "bytes": body(BYTES, "application/octet-stream"),
    ".npy": body(npy(WINDOW), "application/octet-stream"),
    ".npy of float64": body(npy(WINDOW.astype(float)), ""),
    ".npy of landmarks": body(npy(landmarks(FRAMES)), "application/octet-stream"),
    "JSON without a type": body({"frames": FRAMES}, ""),
    "text": body({"frames": FRAMES}, "text/plain"),
    "a form with frames": form(frames=json.dumps(FRAMES)),
    "a form with data": form(data=json.dumps({"frames": FRAMES})),
    "a form with base64": form(window_b64=base64.b64encode(BYTES).decode()),
}


def test_every_form_of_a_request_in_one_batch_gets_the_same_answer(predict: Predict) -> None:
    (status, first), *others = predict(*FORMS.values())
    assert (status, first["prediction"], first["device"]) == (200, "please", "cpu")
    for name, (status, answer) in zip(list(FORMS)[1:], others, strict=True):
        assert (name, status, answer["prediction"]) == (name, 200, "please")
        assert answer["confidence"] == pytest.approx(first["confidence"], abs=2e-4)


def test_an_answer_holds_the_four_likeliest_signs_in_order(predict: Predict) -> None:
    [(_, answer)] = predict(FORMS["frames"])
    assert set(answer) == {"prediction", "confidence", "alternatives", "device"}
    signs = [answer["prediction"], *(each["sign"] for each in answer["alternatives"])]
    confidences = [answer["confidence"], *(each["confidence"] for each in answer["alternatives"])]
    assert len(set(signs)) == 4
    assert confidences == sorted(confidences, reverse=True)
    assert 0.5 < sum(confidences) <= 1


MALFORMED: dict[str, tuple[Input, str]] = {
    "no landmarks": (body({"hello": 1}), WANTED),
    "null": (body(None), WANTED),
    "a number": (body(7), WANTED),
    "an empty form": (form(), WANTED),
    "an empty body": (body(b"", ""), f"this cannot be read as JSON. {WANTED}"),
    "broken JSON": (body("{", "text/plain"), f"this cannot be read as JSON. {WANTED}"),
    "endless JSON": (body("[" * 100_000, ""), f"this cannot be read as JSON. {WANTED}"),
    "bytes of a wrong length": (body(BYTES[:-4], "application/octet-stream"), "cannot be read as JSON.*120064 bytes"),
    "frames that are none": (body({"frames": "none"}), "this cannot be read as JSON"),
    "frames in an object": (body({"frames": {}}), "frames is no list"),
    "no frames": (body({"frames": []}), "there are no frames"),
    "a frame without a pose": (body({"frames": [FRAMES[0], {"hands": {}}]}), "frame 1: the pose is not 33 points"),
    "a window of words": (body({"window": [["up"] * 469] * 64}), "the window is not 64 lists of 469 numbers"),
    "a short window": (body({"window": [[0] * 469] * 63}), r"the window has the shape \(63, 469\), not \(64, 469\)"),
    "a ragged window": (body([[0] * 469, [0]]), "the window is not 64 lists of 469 numbers"),
    "an infinite number": (
        body({"window": [[float("inf")] * 469] * 64}),
        "the window holds what is not a finite number",
    ),
    "not a number": (body(npy(np.full((64, 469), np.nan)), ""), "the window holds what is not a finite number"),
    "a wrong .npy": (body(npy(np.zeros((64, 225))), ""), r"the window has the shape \(64, 225\)"),
    "a pickled .npy": (body(npy(np.array([{}])), ""), "this .npy file cannot be read: Object arrays"),
    "a .npy of words": (body(npy(np.full((64, 469), "up")), ""), "this .npy file holds <U2, no numbers"),
    "a .npy without frames": (body(npy(np.zeros((0, 75, 3))), ""), "there are no frames"),
    "a .npy beyond all memory": (body(npy_head(10**15, 75, 3), ""), "this .npy file cannot be read: .*allocate"),
    "half a .npy": (body(npy(WINDOW)[:60], ""), "this .npy file cannot be read"),
    "half a base64": (
        body({"window_b64": base64.b64encode(BYTES[:-4]).decode()}),
        "the window has 120060 bytes, not 120064",
    ),
    "a window of other features": (
        body(np.zeros((64, 493), "<f4").tobytes(), "application/octet-stream"),
        r"the window has the shape \(64, 493\), not \(64, 469\)",
    ),
    "a base64 of other features": (
        body({"window_b64": base64.b64encode(bytes(64 * 493 * 4)).decode()}),
        r"the window has the shape \(64, 493\), not \(64, 469\)",
    ),
    "no base64": (body({"window_b64": "?"}), "window_b64 is no base64"),
    "base64 of null": (body({"window_b64": None}), "window_b64 is no base64"),
}


@pytest.mark.parametrize("name", MALFORMED)
def test_a_malformed_request_is_told_what_is_wrong_and_its_neighbours_are_served(onnx: Predict, name: str) -> None:
    malformed, message = MALFORMED[name]
    first, (status, answer), last = onnx(FORMS["bytes"], malformed, FORMS["bytes"])
    assert [(each[0], each[1]["prediction"]) for each in (first, last)] == [(200, "please")] * 2
    assert (status, answer["code"], answer["type"]) == (400, 400, "BadRequestException")
    assert re.search(message, answer["message"])


def overwritten(at: int, piece: bytes) -> bytes:
    """A .npy file with other bytes in its head."""
    file = npy(WINDOW)
    return file[:at] + piece + file[at + len(piece) :]


KEYS = st.sampled_from(["frames", "window", "window_b64", "hands", "left", "right", "pose", "x", "body", "data"])
VALUES = st.recursive(
    st.none() | st.booleans() | st.floats() | st.integers() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(KEYS, inner, max_size=3),
    max_leaves=20,
)
BODIES = st.one_of(
    st.binary(max_size=100),
    st.builds(overwritten, st.integers(0, 127), st.binary(min_size=1, max_size=9)),
    VALUES.map(lambda value: json.dumps(value).encode()),
)


@settings(max_examples=40, deadline=None)
@given(content=BODIES)
def test_whatever_comes_has_an_answer_of_its_own(onnx: Predict, content: bytes) -> None:
    for kind in ("", "application/json"):
        (status, answer), (other, _) = onnx(body(content, kind), FORMS["bytes"])
        assert other == 200
        assert status == 200 or (status == 400 and len(answer["message"]) > 5)


def test_a_batch_of_malformed_requests_alone_is_answered(predict: Predict) -> None:
    answers = predict(*(malformed for malformed, _ in MALFORMED.values()))
    assert {status for status, _ in answers} == {400}


@needs_torch
def test_a_fresh_process_imports_torch_for_the_archive(tmp_path: Path) -> None:
    """Changes of torch by the server meanwhile are not looked for in the archive, which has a `handler.py` too."""
    command = [*MARSERVE, "check", str(archive("transformer.pt", tmp_path)), "--json", "--request"]
    found = subprocess.run([*command, str(SIGNFLOW / "example.json")], cwd=tmp_path, capture_output=True, check=False)
    assert (found.returncode, b"please" in found.stdout) == (0, True), found.stdout


@needs_torch
def test_a_model_that_does_not_run_on_its_device_goes_to_the_cpu(tmp_path: Path) -> None:
    with service_of(archive("transformer.pt", tmp_path), tmp_path / "unpacked"):
        pass
    worker = OneWorker(tmp_path / "unpacked")
    module = worker.load()
    worker.run(load_for_no_device, module.SignFlowHandler(), tmp_path / "unpacked" / "transformer.pt")
    worker.close()


def load_for_no_device(handler: Any, file: Path) -> None:
    """Load TorchScript for a GPU that no machine has."""
    import torch

    handler.device = torch.device("cuda:99")
    handler._load_torchscript_model(str(file))
    assert handler._device_name() == "cpu"
    assert handler.inference(WINDOW[None]).shape == (1, 20)


def test_the_temperature_of_the_archive_makes_the_confidence_humbler(tmp_path: Path) -> None:
    confidences = []
    for temperature in (1, 4):
        config = tmp_path / "model-config.yaml"
        config.write_text(f"signflow: {{temperature: {temperature}}}")
        packed = pack(dataclasses.replace(sign(), config_file=str(config)), tmp_path, force=True)
        with service_of(packed, tmp_path / str(temperature)) as predict:
            confidences.append(predict(FORMS["bytes"])[0][1]["confidence"])
    assert confidences[0] > confidences[1] + 0.2
