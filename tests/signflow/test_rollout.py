"""The rollout of a new sign model while users sign: a good one gets all signs, a wrong one is seen by no user."""

import dataclasses
import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from app.cli import main as marserve
from app.initial_models.sample_archives import build_samples, sign
from model_registry.archive.packer import pack
from signflow import rollout
from signflow.archive import read_labels
from signflow.training.sample_requests import main as write_samples
from tests.support.signflow_processes import Process, backend, fetch, model_server

pytestmark = pytest.mark.slow


@pytest.fixture
def store(tmp_path: Path) -> Path:
    """1.0, the same model as 2.0, and 3.0 whose labels are shifted; both new ones with a profile."""
    store = tmp_path / "store"
    build_samples(store)
    write_samples([str(tmp_path / "samples"), "--each", "2"])
    names = read_labels()
    labels = tmp_path / "index_to_name.json"
    labels.write_text(json.dumps({str(number): names[number - 1] for number in range(len(names))}))
    others = tuple(file for file in sign().extra_files if not file.endswith(labels.name))
    for version, files in (("2.0", sign().extra_files), ("3.0", (*others, str(labels)))):
        spec = dataclasses.replace(sign(), model_name=f"sign-{version}", version=version, extra_files=files)
        assert marserve(["profile", str(pack(spec, store)), "--requests", str(tmp_path / "samples")]) == 0
    return store


@pytest.fixture
def servers(tmp_path: Path, store: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[tuple[Process, Process]]:
    """Model server and backend; the users sign ten times as fast as people."""
    monkeypatch.setattr("signflow.benchmark.simulated_signers.FRAMES_PER_SECOND", 300)
    with model_server(tmp_path, store, "sign.mar") as server, backend(tmp_path, server.url) as demo:
        yield server, demo


def roll_out(servers: tuple[Process, Process], version: str) -> int:
    """The command with few users and short steps."""
    server, demo = servers
    words = [version, "--archive", f"sign-{version}.mar", "--server", server.url, "--signers", "4", "--hold", "5"]
    return rollout.main([*words, "--steps", "50,100", "--backend", f"ws://127.0.0.1:{demo.port}/ws"])


def test_a_good_version_gets_all_signs_and_a_wrong_one_none(
    servers: tuple[Process, Process], capfd: pytest.CaptureFixture[str]
) -> None:
    assert roll_out(servers, "3.0") == 4
    output = capfd.readouterr().out
    assert "3.0 rolled back, because more than 5.0% of its answers differ" in output
    assert "| 3.0 |" not in output
    assert roll_out(servers, "2.0") == 0
    output = capfd.readouterr().out
    assert "2.0 completed: 100% of the traffic" in output
    rows = [[cell.strip() for cell in line.split("|")[1:-1]] for line in output.splitlines()]
    [(_, count, share)] = [row for row in rows if row[:1] == ["2.0"]]
    assert int(count) >= 5
    assert float(share.rstrip("%")) > 50
    assert "Drift of the new version" in output
    assert fetch(f"{servers[0].url}/models/sign")[0]["modelVersion"] == "2.0"


def test_what_is_missing_is_said_in_a_sentence(servers: tuple[Process, Process]) -> None:
    server, demo = servers
    words = ["2.0", "--archive", "sign-2.0.mar"]
    backend_url = f"ws://127.0.0.1:{demo.port}/ws"
    with pytest.raises(SystemExit, match="`make serve` starts the model server"):
        rollout.main([*words, "--server", "http://127.0.0.1:9", "--backend", backend_url])
    with pytest.raises(SystemExit, match="`make demo` starts the backend"):
        rollout.main([*words, "--server", server.url, "--backend", "ws://127.0.0.1:9/ws"])
    with pytest.raises(SystemExit, match=r"nothing\.mar"):
        rollout.main(["2.0", "--archive", "nothing.mar", "--server", server.url, "--backend", backend_url])
