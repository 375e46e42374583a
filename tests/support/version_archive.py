"""Archives of one model whose versions answer their number, until one of them turns bad."""

import json
import zipfile
from pathlib import Path
from typing import Literal

Behaviour = Literal["good", "fails", "is slow", "differs", "hangs", "dies"]
HANDLER = """
import os
import random
import signal
import time

served = 0


def handle(data, context):
    global served
    if not data:
        return None
    served += len(data)
    time.sleep(0.002)
    return [answer()] * len(data)


def answer():
    behaviour = "{behaviour}" if served > {good_answers} else "good"
    if behaviour == "fails" and random.random() < 0.05:
        raise ValueError("one of twenty")
    if behaviour == "is slow":
        time.sleep(0.006)
    if behaviour == "hangs":
        time.sleep(3600)
    if behaviour == "dies":
        os.kill(os.getpid(), signal.SIGKILL)
    return "another answer" if behaviour == "differs" else "{version}"
"""
CONFIG = "minWorkers: 2\nmaxWorkers: 2\nbatchSize: 1\nisolation: {}\nresponseTimeout: {}\n"
PROCESSES = {"hangs", "dies"}
"""Behaviours that take the worker along: only a process can be killed."""


def write_version(path: Path, model: str, version: str, behaviour: Behaviour = "good", good_answers: int = 0) -> None:
    """Write the archive of a version that behaves like that after so many good answers of a worker."""
    isolation = "process" if behaviour in PROCESSES else "thread"
    handler = HANDLER.format(behaviour=behaviour, good_answers=good_answers, version=version)
    write_archive(path, model, version, handler, CONFIG.format(isolation, 5 if isolation == "process" else 60))


def write_archive(path: Path, model: str, version: str, handler: str, config: str) -> None:
    """Write an archive of one module and a model-config.yaml."""
    manifest = {"modelName": model, "handler": "handler.py", "modelVersion": version, "configFile": "model-config.yaml"}
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("MAR-INF/MANIFEST.json", json.dumps({"model": manifest}))
        archive.writestr("handler.py", handler)
        archive.writestr("model-config.yaml", config)
