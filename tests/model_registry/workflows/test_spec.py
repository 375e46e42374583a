"""Specifications in workflow archives."""

import json
from pathlib import Path
from typing import Any

import pytest

from model_registry.errors import InvalidDag, InvalidName, InvalidWorkflow
from model_registry.workflows.spec import Node, NodeConfig, WorkflowSpec, read_spec

SPEC = """
models:
  min-workers: 1
  max-workers: 4
  batch-size: 3
  max-batch-delay: 5000
  retry-attempts: 3
  timeout-ms: 5000
  m1:
    url: model1.mar
    max-workers: 2
    timeout-ms: 100
  m2:
    url: https://example.com/model2.mar
  unused:
    url: model3.mar
dag:
  before: [m1]
  m1: [m2]
"""


def war(folder: Path, spec: str | None = SPEC, **workflow: Any) -> Path:
    """The unpacked archive, with a manifest as torch-workflow-archiver makes it."""
    said = {"workflowName": "flow", "specFile": "flow.yaml", "handler": "flow.py", **workflow}
    (folder / "WAR-INF").mkdir()
    (folder / "WAR-INF/MANIFEST.json").write_text(json.dumps({"workflow": said, "archiverVersion": "0.2.15"}))
    if spec is not None:
        (folder / "flow.yaml").write_text(spec)
    return folder


def refusal(folder: Path) -> str:
    with pytest.raises(InvalidWorkflow) as refused:
        read_spec(folder)
    return str(refused.value)


def test_a_node_has_the_numbers_of_all_and_its_own(tmp_path: Path) -> None:
    spec = read_spec(war(tmp_path))
    general = NodeConfig(1, 4, 3, 5000, retries=3, timeout=5000)
    assert (spec.name, spec.handler, spec.config) == ("flow", "flow.py", general)
    assert spec.nodes == {
        "before": Node("before", None, general),
        "m1": Node("m1", "model1.mar", NodeConfig(1, 2, 3, 5000, retries=3, timeout=100)),
        "m2": Node("m2", "https://example.com/model2.mar", general),
    }


def test_what_is_not_said_is_torchserves_default(tmp_path: Path) -> None:
    spec = read_spec(war(tmp_path, "models:\n  a:\n    url: a.mar\ndag:\n  a: [b]\n"))
    assert spec.config == NodeConfig(1, 1, 1, 50, retries=1, timeout=10000)


def test_a_given_name_wins(tmp_path: Path) -> None:
    assert read_spec(war(tmp_path), "other").name == "other"


def test_a_name_is_needed(tmp_path: Path) -> None:
    assert refusal(war(tmp_path, workflowName=None)) == "Workflow name is not defined."


def test_an_empty_folder_is_no_workflow(tmp_path: Path) -> None:
    assert refusal(tmp_path) == "Workflow name is not defined."


@pytest.mark.parametrize("manifest", ["{ not json", "[]", '{"workflow": []}', '{"workflow": "text"}'])
def test_a_damaged_manifest_is_refused(tmp_path: Path, manifest: str) -> None:
    war(tmp_path)
    (tmp_path / "WAR-INF/MANIFEST.json").write_text(manifest)
    assert refusal(tmp_path)


@pytest.mark.parametrize("spec", ["models: [\n", None])
def test_a_specification_that_cannot_be_read_is_refused(tmp_path: Path, spec: str | None) -> None:
    assert refusal(war(tmp_path, spec)) == "Failed to parse yaml."


def test_a_specification_outside_of_the_archive_is_not_read(tmp_path: Path) -> None:
    (tmp_path / "war").mkdir()
    (tmp_path / "flow.yaml").write_text(SPEC)
    assert refusal(war(tmp_path / "war", None, specFile="../flow.yaml")) == "Failed to parse yaml."


@pytest.mark.parametrize(
    ("spec", "found"),
    [
        ("just text", "the specification is no map of names."),
        ("models:\n  a:\n    url: a.mar\n", "dag is no map of names."),
        ("models: [a]\ndag:\n  a: [b]\n", "models is no map of names."),
        ("models:\n  a: a.mar\ndag:\n  a: [b]\n", "a is no map of names."),
        ("models:\n  min-workers: x\ndag:\n  a: [b]\n", "min-workers is 'x', which is no number from 0 to 1000."),
        ("models:\n  timeout-ms: -1\ndag:\n  a: [b]\n", "timeout-ms is -1, which is no number from 0 to 2147483647."),
        ("models:\n  max-workers: 5000\ndag:\n  a: [b]\n", "max-workers is 5000, which is no number from 0 to 1000."),
        ("models:\n  a:\n    url: [1]\ndag:\n  a: []\n", "The url of a is no string."),
        ("a: " + "[" * 50_000, "Failed to parse yaml."),
        (
            "models:\n  batch-size: true\ndag:\n  a: [b]\n",
            "batch-size is True, which is no number from 0 to 2147483647.",
        ),
    ],
)
def test_what_is_wrong_in_it_is_named(tmp_path: Path, spec: str, found: str) -> None:
    assert refusal(war(tmp_path, spec)) == found


def test_functions_need_a_handler(tmp_path: Path) -> None:
    assert refusal(war(tmp_path, handler=None)) == "The workflow has no handler for its functions before."


def test_models_alone_need_none(tmp_path: Path) -> None:
    spec: WorkflowSpec = read_spec(war(tmp_path, "models:\n  a:\n    url: a.mar\ndag:\n  a: []\n", handler=None))
    assert spec.handler is None


BOMB = "a: &a0 [x]\n" + "".join(f"b{n}: &a{n + 1} [*a{n}, *a{n}]\n" for n in range(40))


@pytest.mark.parametrize(
    "spec",
    [
        f"{BOMB}models:\n  min-workers: *a40\ndag:\n  a: [b]\n",
        f"{BOMB}models:\n  a:\n    url: *a40\ndag:\n  a: [b]\n",
        f"{BOMB}models: {{}}\ndag:\n  a: [*a40]\n",
        "models: {}\ndag:\n" + "".join(f"  n{number}: [n{number + 1}]\n" for number in range(101)),
    ],
)
def test_what_would_fill_the_memory_is_refused(tmp_path: Path, spec: str) -> None:
    with pytest.raises((InvalidWorkflow, InvalidDag)) as refusal:
        read_spec(war(tmp_path, spec))
    assert len(str(refusal.value)) < 1000


@pytest.mark.parametrize(("name", "spec"), [("a" * 300, SPEC), ("w", f'models: {{}}\ndag:\n  "{"a" * 300}": []\n')])
def test_names_that_no_request_can_carry_are_refused(tmp_path: Path, name: str, spec: str) -> None:
    with pytest.raises(InvalidName):
        read_spec(war(tmp_path, spec), name)
