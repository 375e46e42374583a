"""The recorded scenarios: a server with models and flags, and steps with the answers that Triton gave."""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

RECORDED = Path(__file__).with_name("recorded")
MODELS = Path(__file__).with_name("models")
NAMES = sorted(file.stem for file in RECORDED.glob("*.json"))
Step = dict[str, Any]
Answer = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Scenario:
    """One file of recordings."""

    name: str
    about: str
    server: dict[str, Any]
    steps: list[Step]


def load(name: str) -> Scenario:
    """The scenario of that name."""
    values = json.loads((RECORDED / f"{name}.json").read_text())
    return Scenario(name, values["about"], values["server"], values["steps"])


def title(step: Step) -> str:
    """The name of a step, or its action."""
    if "http" in step:
        action = f"{step['http']} {step['path']}"
    elif "grpc" in step:
        action = f"gRPC {step['grpc']}"
    elif "client" in step:
        action = f"tritonclient.{step['client']} {step['call']}"
    else:
        action = str(step.get("do"))
    return str(step.get("name", action))
