"""The specification in a workflow archive (.war): its nodes, their configuration, and their graph."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from model_registry import lenient_json
from model_registry.archive.unpack import UnsafeArchive, safe_path
from model_registry.errors import InvalidWorkflow
from model_registry.workflows.dag import Dag

MANIFEST_FILE = Path("WAR-INF", "MANIFEST.json")
LOADER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


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
    "min_workers": "min-workers",
    "max_workers": "max-workers",
    "batch_size": "batch-size",
    "max_batch_delay": "max-batch-delay",
    "retries": "retry-attempts",
    "timeout": "timeout-ms",
}


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
    """The workflow in an unpacked archive, called `name` if that is given. Raises InvalidWorkflow or InvalidDag."""
    manifest = _manifest(folder)
    name = name or manifest.get("workflowName")
    if not name:
        raise InvalidWorkflow("Workflow name is not defined.")
    content = _mapping(_yaml(folder, str(manifest.get("specFile", ""))), "the specification")
    models = _mapping(content.get("models") or {}, "models")
    dag = Dag.of(_mapping(content.get("dag"), "dag"))
    config = _config(models, NodeConfig())
    nodes = {node: _node(node, models, config) for node in dag.order}
    handler = manifest.get("handler")
    functions = [node for node in nodes if nodes[node].url is None]
    if functions and not handler:
        raise InvalidWorkflow(f"The workflow has no handler for its functions {', '.join(functions)}.")
    return WorkflowSpec(str(name), handler, config, dag, nodes)


def _manifest(folder: Path) -> dict[str, Any]:
    try:
        manifest = lenient_json.loads((folder / MANIFEST_FILE).read_text("utf-8-sig"))
        return dict(_mapping(manifest.get("workflow") or {}, "workflow"))
    except (FileNotFoundError, NotADirectoryError):
        return {}
    except (ValueError, AttributeError) as reason:
        raise InvalidWorkflow("Failed to parse manifest.") from reason


def _yaml(folder: Path, file: str) -> object:
    try:
        with (folder / safe_path(file)).open("rb") as stream:
            return yaml.load(stream, LOADER)  # noqa: S506  # it is one of the two safe loaders
    except (OSError, ValueError, RecursionError, yaml.YAMLError, UnsafeArchive) as reason:
        raise InvalidWorkflow("Failed to parse yaml.") from reason


def _mapping(value: object, subject: str) -> Mapping[str, Any]:
    if not isinstance(value, Mapping):
        raise InvalidWorkflow(f"{subject} is no map of names.")
    return {str(key): item for key, item in value.items()}


def _node(name: str, models: Mapping[str, Any], default: NodeConfig) -> Node:
    if name not in models:
        return Node(name, None, default)
    model = _mapping(models[name], name)
    return Node(name, str(model.get("url") or ""), _config(model, default))


def _config(content: Mapping[str, Any], default: NodeConfig) -> NodeConfig:
    return NodeConfig(**{field: _number(content, key, getattr(default, field)) for field, key in KEYS.items()})


def _number(content: Mapping[str, Any], key: str, default: int) -> int:
    value = content.get(key, default)
    if type(value) is not int or value < 0:
        raise InvalidWorkflow(f"{key} is {value!r}, which is no number of at least 0.")
    return value
