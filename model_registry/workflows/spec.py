"""The specification in a workflow archive (.war): its nodes, their configuration, and their graph."""

import reprlib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from model_registry.archive.naming import check_name
from model_registry.archive.unpack import UnsafeArchive, safe_path
from model_registry.config import MAX_WORKERS
from model_registry.errors import InvalidDag, InvalidWorkflow
from model_registry.files.documents import load_yaml, read_bytes
from model_registry.parsing import lenient_json
from model_registry.parsing.values import INT32_MAX
from model_registry.workflows.dag import Dag

MANIFEST_FILE = Path("WAR-INF", "MANIFEST.json")
MAX_NODES = 100
MAX_RETRIES = 100


@dataclass(frozen=True, slots=True)
class NodeConfig:
    """The configuration of all nodes, or of one of them. `retries` follow the first attempt; times are milliseconds."""

    min_workers: int = 1
    max_workers: int = 1
    batch_size: int = 1
    max_batch_delay: int = 50
    retries: int = 1
    timeout: int = 10000


KEYS = {
    "min_workers": ("min-workers", MAX_WORKERS),
    "max_workers": ("max-workers", MAX_WORKERS),
    "batch_size": ("batch-size", INT32_MAX),
    "max_batch_delay": ("max-batch-delay", INT32_MAX),
    "retries": ("retry-attempts", MAX_RETRIES),
    "timeout": ("timeout-ms", INT32_MAX),
}
"""The key of each field, and its largest value."""


@dataclass(frozen=True, slots=True)
class Node:
    """A model by its `url`, or a function of the workflow's own handler, which has none."""

    name: str
    url: str | None
    config: NodeConfig


@dataclass(frozen=True, slots=True)
class WorkflowSpec:
    """A workflow as its archive describes it."""

    name: str
    handler: str | None
    config: NodeConfig
    dag: Dag
    nodes: Mapping[str, Node]
    """The nodes of the graph, by name."""


def read_spec(folder: Path, name: str | None = None) -> WorkflowSpec:
    """The workflow in an unpacked archive, called `name` if that is given.

    Raises InvalidWorkflow, InvalidDag or InvalidName.
    """
    manifest = _manifest(folder)
    name = name or manifest.get("workflowName")
    if not name:
        raise InvalidWorkflow("Workflow name is not defined.")
    content = _mapping(_yaml(folder, str(manifest.get("specFile", ""))), "the specification")
    models = _mapping(content.get("models") or {}, "models")
    dag = Dag.of(_mapping(content.get("dag"), "dag"))
    if len(dag.order) > MAX_NODES:
        raise InvalidDag(f"DAG should have at most {MAX_NODES} nodes")
    config = _config(models, NodeConfig())
    nodes = {node: _node(node, models, config) for node in dag.order}
    handler = manifest.get("handler")
    functions = [node for node in nodes if nodes[node].url is None]
    if functions and not handler:
        raise InvalidWorkflow(f"The workflow has no handler for its functions {', '.join(functions)}.")
    for kind, checked in (("workflow name", str(name)), *(("node name", node) for node in nodes)):
        check_name(kind, checked)
    return WorkflowSpec(str(name), handler, config, dag, nodes)


def _manifest(folder: Path) -> dict[str, Any]:
    try:
        manifest = lenient_json.loads(read_bytes(folder / MANIFEST_FILE).decode("utf-8-sig"))
        return dict(_mapping(manifest.get("workflow") or {}, "workflow"))
    except (FileNotFoundError, NotADirectoryError):
        return {}
    except (ValueError, AttributeError) as reason:
        raise InvalidWorkflow("Failed to parse manifest.") from reason


def _yaml(folder: Path, file: str) -> object:
    try:
        return load_yaml(read_bytes(folder / safe_path(file)))
    except (OSError, ValueError, yaml.YAMLError, UnsafeArchive) as reason:
        raise InvalidWorkflow("Failed to parse yaml.") from reason


def _mapping(value: object, subject: str) -> Mapping[str, Any]:
    if not isinstance(value, Mapping):
        raise InvalidWorkflow(f"{subject} is no map of names.")
    return {str(key): item for key, item in value.items()}


def _node(name: str, models: Mapping[str, Any], default: NodeConfig) -> Node:
    if name not in models:
        return Node(name, None, default)
    model = _mapping(models[name], name)
    url = model.get("url") or ""
    if not isinstance(url, str):
        raise InvalidWorkflow(f"The url of {name} is no string.")
    return Node(name, url, _config(model, default))


def _config(content: Mapping[str, Any], default: NodeConfig) -> NodeConfig:
    numbers = {field: _number(content, key, getattr(default, field), maximum) for field, (key, maximum) in KEYS.items()}
    return NodeConfig(**numbers)


def _number(content: Mapping[str, Any], key: str, default: int, maximum: int) -> int:
    value = content.get(key, default)
    if type(value) is not int or not 0 <= value <= maximum:
        raise InvalidWorkflow(f"{key} is {reprlib.repr(value)}, which is no number from 0 to {maximum}.")
    return value
