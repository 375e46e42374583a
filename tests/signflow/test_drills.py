"""Failures of production with real processes: no signer notices, and the service recovers by itself."""

import asyncio
import dataclasses
import json
from collections.abc import Iterator
from pathlib import Path
from urllib.error import HTTPError

import pytest
from prometheus_client import CollectorRegistry

from app.initial_models.sample_archives import build_samples, sign
from model_registry.archive.packer import pack
from signflow.archive import read_labels
from signflow.torchserve_client import ClientMetrics, TorchServeClient, Translation
from signflow.training.synthetic import make_signs, make_windows
from tests.support.signflow_processes import Process, backend, fetch, model_server, start_model_server, user

SIGNS = read_labels()
CLIENT_COUNT = 8


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A model store with the model, and with a second version with other labels."""
    store = tmp_path_factory.mktemp("store")
    build_samples(store)
    labels = store / "index_to_name.json"
    labels.write_text(json.dumps({str(index): f"{label} (new)" for index, label in enumerate(SIGNS)}))
    files = tuple(file for file in sign().extra_files if not file.endswith(labels.name))
    pack(dataclasses.replace(sign(), model_name="newer", version="2.0", extra_files=(*files, str(labels))), store)
    return store


@pytest.fixture(scope="module")
def server(store: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Process]:
    """A model server for all drills, which they leave running."""
    with model_server(tmp_path_factory.mktemp("server"), store, "sign.mar") as process:
        yield process


@pytest.fixture
def demo(server: Process, tmp_path: Path) -> Iterator[Process]:
    """A backend that tries a lost server again soon."""
    with backend(tmp_path, server.url, TORCHSERVE_COOLDOWN_MS="50", TORCHSERVE_FAILURES="2") as process:
        yield process


def test_the_server_dies_in_the_middle_of_a_session_and_comes_back(server: Process, demo: Process) -> None:
    with user(demo, "someone") as someone:
        answers = [someone.perform(name) for name in SIGNS[:3]]
        assert [answer["source"] for answer in answers] == ["torchserve"] * 3
        server.kill()
        without = [someone.perform(name) for name in SIGNS[3:9]]
        assert [answer["source"] for answer in without] == ["local"] * 6
        start_model_server(server)
        again = [someone.perform("hello")]
        while again[-1]["source"] == "local":  # until the circuit's next try
            again.append(someone.perform("hello"))
    assert {answer["type"] for answer in answers + without + again} == {"prediction"}
    assert sum(answer["prediction"] == name for answer, name in zip(without, SIGNS[3:9], strict=True)) >= 4
    metrics = fetch(f"{demo.url}/metrics")
    assert 'torchserve_errors_total{reason="connect"}' in metrics
    assert "torchserve_circuit_open 0.0" in metrics
    events = [json.loads(line).get("event") for line in demo.log().splitlines()]
    assert events.count("translated") == len(answers + without + again)
    assert "circuit" in events


def test_the_flag_is_flipped_while_users_sign(server: Process, demo: Process) -> None:
    with user(demo, "one") as one, user(demo, "other") as other:
        for wanted, source in ((True, "torchserve"), (False, "local"), (True, "torchserve")):
            assert fetch(f"{demo.url}/flags", "PUT", {"use_torchserve": wanted})["use_torchserve"] is wanted
            assert [each.perform("please")["source"] for each in (one, other)] == [source] * 2
    assert "torchserve_errors_total{" not in fetch(f"{demo.url}/metrics")


@pytest.mark.anyio
async def test_a_new_version_is_switched_in_under_load(server: Process) -> None:
    """No request fails, and every request after the switch gets the new version."""
    windows, _ = make_windows(make_signs(CLIENT_COUNT), 1, seed=7)
    found: list[list[Translation]] = [[] for _ in range(CLIENT_COUNT)]
    running = True

    async def translate_on(number: int) -> None:
        while running:
            found[number].append(await client.translate(windows[number]))

    async def grown() -> int:
        """All clients have answers that they asked for after now."""
        wanted = [len(each) + 2 for each in found]
        while any(len(each) < least for each, least in zip(found, wanted, strict=True)):
            await asyncio.sleep(0.005)
        return min(wanted)

    metrics = ClientMetrics(CollectorRegistry())
    async with TorchServeClient(server.url, 20, 0, model_name="sign", encoding="float32", metrics=metrics) as client:
        clients = [asyncio.create_task(translate_on(number)) for number in range(CLIENT_COUNT)]
        await grown()
        register = f"{server.url}/models?url=newer.mar&model_name=sign&initial_workers=1&synchronous=true"
        await asyncio.to_thread(fetch, register, "POST")
        await grown()
        before = [len(each) for each in found]
        await asyncio.to_thread(fetch, f"{server.url}/models/sign/2.0/set-default", "PUT")
        switched = [len(each) + 1 for each in found]  # the one that is under way may be the old version's
        await grown()
        await asyncio.to_thread(fetch, f"{server.url}/models/sign/1.0", "DELETE")
        await grown()
        running = False
        await asyncio.gather(*clients)
    assert {translation.source for each in found for translation in each} == {"torchserve"}
    new = [[translation.prediction.endswith(" (new)") for translation in each] for each in found]
    assert not any(any(each[:end]) for each, end in zip(new, before, strict=True))
    assert all(all(each[start:]) for each, start in zip(new, switched, strict=True))


def test_what_cannot_be_read_is_told_and_the_session_goes_on(demo: Process) -> None:
    with user(demo, "someone") as someone:
        someone.send("no frame")
        assert someone.receive("error")["message"].startswith("This frame cannot be read: invalid literal")
        someone.send('{"pose": []}')
        assert someone.receive("error")["message"] == "This frame cannot be read: frame 0: the pose is not 33 points"
        assert someone.perform("hello")["type"] == "prediction"


def test_flags_that_do_not_exist_are_refused(demo: Process) -> None:
    for body, message in (
        ({"colour": "red"}, "There are"),
        (["on"], "There are"),
        ([], "There are"),
        ({"torchserve_rollout_percent": 101}, "less"),
    ):
        with pytest.raises(HTTPError, match="400") as refused:
            fetch(f"{demo.url}/flags", "PUT", body)
        with refused.value as answer:
            assert message in answer.read().decode()
