"""The sample archives: how they are built, and what the everyday one answers."""

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from app.initial_models.sample_archives import build_samples, main
from tests.support.one_service import Predict, body, form, service_of
from tests.support.serving import serving

MEANS = {
    "setosa": [5.006, 3.428, 1.462, 0.246],
    "versicolor": [5.936, 2.770, 4.260, 1.326],
    "virginica": [6.588, 2.974, 5.552, 2.026],
}


@pytest.fixture(scope="module")
def samples(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the sample archives."""
    store = tmp_path_factory.mktemp("samples")
    build_samples(store)
    return store


@pytest.fixture(scope="module")
def everyday(samples: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Predict]:
    """The everyday archive, loaded."""
    with service_of(samples / "everyday.mar", tmp_path_factory.mktemp("everyday")) as predict:
        yield predict


def test_building_names_what_to_serve_and_makes_the_folder(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    main([str(tmp_path / "new" / "store")])
    assert capsys.readouterr().out == "everyday=everyday.mar sign=sign.mar\n"
    assert sorted(path.name for path in (tmp_path / "new" / "store").iterdir()) == ["everyday.mar", "sign.mar"]


def test_what_is_newer_than_its_sources_stays(tmp_path: Path) -> None:
    build_samples(tmp_path)
    mine = tmp_path / "everyday.mar"
    mine.write_bytes(b"newer")
    build_samples(tmp_path)
    assert mine.read_bytes() == b"newer"


def test_what_is_older_than_its_sources_is_replaced(tmp_path: Path) -> None:
    build_samples(tmp_path)
    stale = tmp_path / "sign.mar"
    stale.write_bytes(b"older")
    os.utime(stale, (0, 0))
    build_samples(tmp_path)
    assert stale.read_bytes().startswith(b"PK")


@pytest.mark.anyio
async def test_the_server_serves_them(samples: Path) -> None:
    example = (Path(__file__).parents[3] / "handler/examples/signflow/example.json").read_bytes()
    async with serving(samples, "everyday.mar", "sign.mar") as client:
        flower = await client.predict("everyday", {"features": [5.1, 3.5, 1.4, 0.2]})
        refused = await client.predict("everyday", {"features": [5.1]})
        sign = await client.http.post(
            "/predictions/sign", content=example, headers={"content-type": "application/json"}
        )
    assert (flower.status_code, flower.json()["prediction"]) == (200, "setosa")
    assert refused.status_code == 400
    assert (sign.status_code, sign.json()["prediction"]) == (200, "please")


def test_they_are_served_without_torch(samples: Path) -> None:
    program = """
import asyncio, sys
from pathlib import Path
sys.path.insert(0, sys.argv[1])
sys.modules["torch"] = None  # cannot be imported
from tests.support.serving import serving
async def main():
    async with serving(Path(sys.argv[2]), "everyday.mar", "sign.mar") as client:
        assert (await client.predict("everyday", [6.7, 3.0, 5.2, 2.3])).json()["prediction"] == "virginica"
        assert (await client.predict("sign", {"frames": []})).json()["message"] == "there are no frames"
asyncio.run(main())
"""
    arguments = [sys.executable, "-c", program, str(Path(__file__).parents[3]), str(samples)]
    done = subprocess.run(arguments, capture_output=True, text=True, check=False, timeout=60)
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize("species", MEANS)
def test_a_mean_flower_is_of_its_own_species(everyday: Predict, species: str) -> None:
    [(status, answer)] = everyday(body({"features": MEANS[species]}))
    assert (status, answer["prediction"]) == (200, species)
    assert answer["probabilities"][species] > 0.99
    assert sum(answer["probabilities"].values()) == pytest.approx(1, abs=1e-3)


def test_a_flower_between_two_species_has_the_probabilities_of_fishers_discriminant(everyday: Predict) -> None:
    """Versicolor 84 of Fisher's table, which the discriminant famously takes for a virginica."""
    [(_, answer)] = everyday(body([6.0, 2.7, 5.1, 1.6]))
    assert answer["prediction"] == "virginica"
    assert answer["probabilities"] == pytest.approx({"setosa": 0, "versicolor": 0.1434, "virginica": 0.8566}, abs=1e-3)


@pytest.mark.parametrize(
    "request_",
    [
        body({"features": [5.1, 3.5, 1.4, 0.2]}),
        body([5.1, 3.5, 1.4, 0.2]),
        body('{"features": [5.1, 3.5, 1.4, 0.2]}', ""),
        body("5.1, 3.5, 1.4, 0.2", "text/plain"),
        body("5.1,3.5,1.4,0.2", "application/octet-stream"),
        form(features="5.1,3.5,1.4,0.2"),
        form(features="[5.1, 3.5, 1.4, 0.2]"),
        form(data='{"features": [5.1, 3.5, 1.4, 0.2]}'),
    ],
)
def test_four_numbers_may_come_in_any_form(everyday: Predict, request_: Any) -> None:
    [(status, answer)] = everyday(request_)
    assert (status, answer["prediction"]) == (200, "setosa")


@pytest.mark.parametrize(
    "request_",
    [
        body({"features": [5.1, 3.5, 1.4]}),
        body({"features": [5.1, 3.5, 1.4, None]}),
        body({"features": [5.1, 3.5, 1.4, "broad"]}),
        body([[5.1], 3.5, 1.4, 0.2]),
        body([5.1, 3.5, 1.4, -0.2]),
        body([5.1, 3.5, 1.4, 10**400]),
        body({"petals": 4}),
        body(None),
        body("{", "text/plain"),
        body(b"\xff\xfe", ""),
        body("[" * 100_000, ""),
        form(),
    ],
)
def test_a_malformed_request_is_told_what_to_send_and_its_neighbours_are_served(
    everyday: Predict, request_: Any
) -> None:
    flower = body([5.1, 3.5, 1.4, 0.2])
    first, (status, answer), last = everyday(flower, request_, flower)
    assert first == last
    assert first[0] == 200
    assert (status, answer["code"], answer["type"]) == (400, 400, "BadRequestException")
    assert "[5.1, 3.5, 1.4, 0.2]" in answer["message"]


def test_json_without_its_content_type_is_pointed_out(everyday: Predict) -> None:
    [(status, answer)] = everyday(form(**{'{"features": [5.1, 3.5, 1.4, 0.2]}': ""}))
    assert (status, answer["message"]) == (
        400, "JSON came as a form; send it with the header Content-Type: application/json",
    )  # fmt: skip
