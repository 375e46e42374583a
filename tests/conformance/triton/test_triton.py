"""The recorded answers of Triton 24.10, scenario by scenario."""

from pathlib import Path

import pytest

from tests.conformance.triton.bench import Bench
from tests.conformance.triton.built_models import build
from tests.conformance.triton.comparison import compare
from tests.conformance.triton.player import Player
from tests.conformance.triton.recording import NAMES, load, title

pytest.importorskip("tritonclient.grpc")
PROCESSES = {"exits"}
"""Scenarios about the end of a process; where others start a server anew, a thread does."""


@pytest.fixture(scope="session")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The ONNX and TorchScript models."""
    folder = tmp_path_factory.mktemp("built")
    build(folder)
    return folder


@pytest.mark.parametrize("name", NAMES)
def test_answers_are_as_triton_gave_them(name: str, built: Path, tmp_path: Path) -> None:
    """Play every step of the scenario; all that differ are reported at once."""
    scenario = load(name)
    bench = Bench(tmp_path.resolve(), built, scenario.server, is_process=name in PROCESSES)
    player = Player(bench)
    differing = []
    try:
        if scenario.server.get("autostart", True):
            bench.start()
        for number, step in enumerate(scenario.steps, 1):
            answer = player.play(step)
            if "expect" in step and (found := compare(step, answer)):
                differing.append(f"#{number} {title(step)}: {found}")
    finally:
        player.close()
    if differing:
        pytest.fail("\n".join([scenario.about, *differing]), pytrace=False)
