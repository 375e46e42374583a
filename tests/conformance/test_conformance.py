"""The recorded answers of TorchServe 0.12, scenario by scenario; README.md describes the recordings."""

import shutil
from pathlib import Path

import pytest

from tests.conformance.archives import build
from tests.conformance.file_server import serve_folder
from tests.conformance.player import Player
from tests.conformance.recording import NAMES, load
from tests.conformance.server import Server

pytestmark = pytest.mark.filterwarnings("ignore:.*torch.jit.*:DeprecationWarning")


@pytest.fixture(scope="session")
def archives(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The archives of all scenarios."""
    store = tmp_path_factory.mktemp("archives")
    build(store, tmp_path_factory.mktemp("sources"))
    return store


@pytest.mark.parametrize("name", NAMES)
def test_answers_are_as_torchserve_gave_them(
    name: str, archives: Path, tmp_path_factory: pytest.TempPathFactory
) -> None:
    """Play every step of the scenario; all that differ are reported at once."""
    scenario = load(name)
    if "tls" in scenario.server and not shutil.which("openssl"):
        pytest.skip("needs the openssl command")
    root = tmp_path_factory.mktemp("server").resolve()
    differing = []
    with serve_folder(root / "www") as web, Server(root, archives, web, scenario.server) as server:
        player = Player(server)
        for number, step in enumerate(scenario.steps, 1):
            if found := player.play(step):
                differing += [f"#{number} {title(step)}", *(f"    {line}" for line in found)]
    if differing:
        pytest.fail("\n".join([scenario.about, *differing]), pytrace=False)


def title(step: dict[str, object]) -> str:
    """The name of a step, or its action."""
    kinds = ("name", "request", "files", "line", "cli", "ready")
    return next((str(step[kind]) for kind in kinds if kind in step), "several at once")
