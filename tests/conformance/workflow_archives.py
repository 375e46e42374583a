"""Builds the workflow archives that the scenarios register."""

import json
import zipfile
from pathlib import Path

FUNCTIONS = Path(__file__).parent / "models/flow/functions.py"
NUMBERS = """\
  min-workers: 1
  max-workers: 1
  batch-size: 1
  max-batch-delay: 50
  retry-attempts: 1
  timeout-ms: 20000
"""
FLOWS = {
    "flow": (["middle"], "  before: [middle]\n  middle: [after]\n"),
    "fork": (["left", "right"], "  before: [left, right]\n  left: [after]\n  right: [after]\n"),
    "ends": ([], "  before: [after, also]\n"),
    "hurt": ([], "  hurt: [after]\n"),
    "broken": ([], "  before: [broken]\n  broken: [after]\n"),
    "circle": ([], "  before: [after]\n  after: [also]\n  also: [after]\n"),
    "twostarts": ([], "  before: [also]\n  after: [also]\n"),
    "nofunction": ([], "  before: [missing]\n"),
    "nomodel": (["middle"], "  before: [middle]\n"),
}
"""The nodes of each that are models, and its edges."""


def build_workflow_archives(store: Path) -> None:
    """Put them into the store, each as torch-workflow-archiver makes it."""
    for name, (models, edges) in FLOWS.items():
        url = "missing.mar" if name == "nomodel" else "ver_1.mar"
        nodes = "".join(f"  {model}:\n    url: {url}\n" for model in models)
        workflow = {"workflowName": name, "specFile": "workflow.yaml", "handler": FUNCTIONS.name}
        with zipfile.ZipFile(store / f"{name}.war", "w") as archive:
            archive.write(FUNCTIONS, FUNCTIONS.name)
            archive.writestr("workflow.yaml", f"models:\n{NUMBERS}{nodes}dag:\n{edges}")
            manifest = {"createdOn": "01/01/2026 00:00:00", "workflow": workflow, "archiverVersion": "0.2.15"}
            archive.writestr("WAR-INF/MANIFEST.json", json.dumps(manifest))
