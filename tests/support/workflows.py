"""Workflow archives, and calls of the workflow APIs."""

import json
import tempfile
import zipfile
from pathlib import Path
from typing import Any

from tests.support.serving import Client

SHOWS = """
    class Shows:
        def initialize(self, context):
            self.name = context.model_name
        def handle(self, data, context):
            return [{"me": self.name, **{key: text(value) for key, value in row.items()}} for row in data]
    def text(value):
        return value.decode() if isinstance(value, (bytes, bytearray)) else value
"""
FUNCTIONS = """
import threading
CALLS = [0]
def text(value):
    return value.decode() if isinstance(value, (bytes, bytearray)) else value
def first(data, context):
    return data and [text(row["body"]) + "!" for row in data]
def join(data, context):
    return data and [{key: text(value) for key, value in row.items()} for row in data]
def words(data, context):
    return data and ["plain words" for _ in data]
def number(data, context):
    return data and [7 for _ in data]
def rude(data, context):
    if data:
        context.set_response_status(code=418, phrase="teapot", idx=0)
        context.set_response_content_type(0, "text/tea")
        context.set_response_header(0, "x-tea", "yes")
    return data and ["a pot" for _ in data]
def flaky(data, context):
    if data:
        CALLS[0] += 1
        if CALLS[0] % 3:
            raise ValueError("now and then")
    return data and [{"calls": CALLS[0]} for _ in data]
def sleepy(data, context):
    if data:
        threading.Event().wait(0.5)
    return data and [{"slept": True} for _ in data]
def streams(data, context):
    from ts.handler_utils.utils import send_intermediate_predict_response as send
    if data:
        send(["one "], context.request_ids, "Intermediate Prediction success", 200, context)
    return data and ["two" for _ in data]
"""
NUMBERS = "  min-workers: 1\n  max-workers: 1\n  batch-size: 2\n  max-batch-delay: 20\n"


def war(folder: Path, name: str, dag: str, models: dict[str, str] | None = None, general: str = NUMBERS) -> None:
    """NAME.war, with a function for every node that is no model."""
    nodes = "".join(f"  {node}:\n    url: {url}\n" for node, url in (models or {}).items())
    workflow = {"workflowName": name, "specFile": f"{name}.yaml", "handler": "functions.py"}
    with zipfile.ZipFile(folder / f"{name}.war", "w") as archive:
        archive.writestr("WAR-INF/MANIFEST.json", json.dumps({"workflow": workflow, "archiverVersion": "0.2.15"}))
        archive.writestr(f"{name}.yaml", f"models:\n{general}{nodes}dag:\n{dag}")
        archive.writestr("functions.py", FUNCTIONS)


async def ask(client: Client, name: str, text: str = "hello") -> Any:
    return await client.http.post(f"/wfpredict/{name}", content=text, headers={"content-type": "text/plain"})


async def register(client: Client, url: str, **query: Any) -> Any:
    return await client.manage("POST", "/workflows", url=url, **query)


def unpacked() -> set[str]:
    folder = Path(tempfile.gettempdir(), "models")
    return {path.name for path in folder.iterdir()} if folder.exists() else set()
