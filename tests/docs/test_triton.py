"""The page on Triton has the table of deviations, and its commands and examples work."""

import re
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from handler.tensors.archives.declaration import parse_tensors
from tests.conformance.triton.deviations import summary, table
from tests.support.dockerfile import ROOT
from tests.support.repositories import serving_repository

PAGE = (ROOT / "docs" / "triton.md").read_text(encoding="utf-8")


def test_deviations_are_those_that_are_listed() -> None:
    assert table() in PAGE
    assert summary() in PAGE


def test_declaration_of_the_page_is_one() -> None:
    (example,) = re.findall(r"```yaml\n(.*?)```", PAGE, re.DOTALL)
    declared = parse_tensors(yaml.safe_load(example)["tensors"])
    assert declared != "auto"
    assert declared.is_batched


@pytest.fixture
def example(tmp_path: Path) -> Path:
    """The example repository, as `make triton` makes it."""
    pytest.importorskip("onnx")
    folder = tmp_path / "repository"
    subprocess.run([sys.executable, ROOT / "deploy" / "triton" / "build.py", folder], check=True)
    return folder


@pytest.mark.anyio
async def test_example_repository_answers(example: Path) -> None:
    (body,) = re.findall(r"churn_pipeline/generate -d '(.*)'", PAGE)
    async with serving_repository(example) as client:
        answer = await client.http.post("/v2/models/churn_pipeline/generate", content=body)
        assert answer.status_code == 200, answer.text
        assert answer.json()["PROBABILITY"] == pytest.approx(0.8523728)
