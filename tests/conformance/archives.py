"""Builds the archives that the scenarios serve, good ones with our own packer and odd ones by hand."""

import io
import json
import shutil
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from app.http.tls.identity import self_signed
from model_registry.archive.archive_spec import ArchiveSpec
from model_registry.archive.packer import FORMATS, pack
from tests.conformance.broken_archives import build_broken
from tests.conformance.layer import onnx_model, torchscript, weights
from tests.conformance.workflow_archives import build_workflow_archives

MODELS = Path(__file__).parent / "models"
AS_THEY_ARE = (
    "echo", "results", "respond", "raises", "wrongcount", "stream", "batcher", "metered", "explain", "describe", "func",
    "lab", "envelope",
)  # fmt: skip
VERSIONS = {"ver_1": "1.0", "ver_2": "2.0", "ver_3": "3.0", "ver_again": "1.0", "ver_named": "beta-2_x"}
SETTINGS = {
    "timeouts": "minWorkers: 1\nmaxWorkers: 1\nbatchSize: 1\nmaxBatchDelay: 10\nresponseTimeout: 2\n",
    "smallqueue": "minWorkers: 1\nmaxWorkers: 1\nbatchSize: 1\nmaxBatchDelay: 1\njobQueueSize: 1\n",
    "clienttimeout": "minWorkers: 1\nmaxWorkers: 1\nclientTimeoutInMills: 800\n",
}
ASYNCHRONOUS = {
    "asynchronous": "minWorkers: 1\nmaxWorkers: 1\nasyncCommunication: true\n",
    "asynchronous_rows": "minWorkers: 1\nmaxWorkers: 1\nbatchSize: 4\nmaxBatchDelay: 300\nasyncCommunication: true\n",
    "asynchronous_hurried": "minWorkers: 1\nmaxWorkers: 1\nresponseTimeout: 2\nasyncCommunication: true\n",
    "asynchronous_unasked": "minWorkers: 1\nmaxWorkers: 1\n",
}
BROKEN = {
    "syntax": "def handle(data, context)\n    return ['never']\n",
    **{
        f"init_{word}": f"class Broken:\n    def initialize(self, context):\n        raise {error}('at load')\n"
        "    def handle(self, data, context):\n        return ['never'] * len(data)\n"
        for word, error in {"value": "ValueError", "runtime": "RuntimeError", "memory": "MemoryError"}.items()
    },
}


class ArchiveBuilder:
    """Packs models into one folder, from copies of their sources in another."""

    def __init__(self, store: Path, sources: Path) -> None:
        self._store = store
        self._sources = sources

    def __repr__(self) -> str:
        return f"<ArchiveBuilder of {self._store}>"

    def pack(
        self, name: str, handler: str, files: Mapping[str, str | bytes] | None = None, *,
        file: str | None = None, version: str = "1.0", form: str = "default", **parts: str,
    ) -> None:  # fmt: skip
        """Make an archive of a model folder and further files; parts name the files of the manifest."""
        source = self._sources / (file or name)
        shutil.copytree(MODELS / handler, source, ignore=shutil.ignore_patterns("__pycache__"))
        write(source, files or {})
        paths: dict[str, Any] = {part: str(source / path) for part, path in parts.items()}
        recipe = ArchiveSpec(name, version, str(source / "handler.py"), extra_files=(str(source),), **paths)
        pack(recipe, self._store, form).rename(self._store / ((file or name) + FORMATS[form]))


def write(folder: Path, files: Mapping[str, str | bytes]) -> None:
    """Write files by their names."""
    for name, content in files.items():
        (folder / name).parent.mkdir(exist_ok=True)
        (folder / name).write_bytes(content.encode() if isinstance(content, str) else content)


def build(store: Path, sources: Path) -> None:
    """Make all archives in one folder, with the help of an empty one."""
    builder = ArchiveBuilder(store, sources)
    for name in AS_THEY_ARE:
        builder.pack(name, name)
    for file, version in VERSIONS.items():
        builder.pack("ver", "ver", file=file, version=version)
    builder.pack("tarred", "ver", form="tgz")
    builder.pack("folder", "ver", form="no-archive")
    for name in ("yamlcfg", "sequence"):
        builder.pack(name, name, config_file="model-config.yaml")
    for name, text in SETTINGS.items():
        builder.pack(name, "slow", {"model-config.yaml": text}, config_file="model-config.yaml")
    for name, text in ASYNCHRONOUS.items():
        builder.pack(name, "asynchronous", {"model-config.yaml": text}, config_file="model-config.yaml")
    for name, text in BROKEN.items():
        builder.pack(name, "ver", {"handler.py": text})
    for name in ("local_a", "local_b"):
        builder.pack(name, "local", {"note.txt": f"the note of {name}\n"})
    for letter in "ab":
        builder.pack(f"clash_{letter}", "clash", clashing(letter.upper()))
    build_requiring(builder)
    build_trained(builder)
    build_workflow_archives(store)
    build_certificate(store)
    build_broken(store, (MODELS / "ver/handler.py").read_text())


def clashing(letter: str) -> dict[str, str]:
    """Modules whose names are the same in both archives, and whose contents tell them apart."""
    lazy = f"def describe():\n    import utils\n    return f'lazy part of {letter}, which sees {{utils.WHO}}'\n"
    return {
        "utils.py": f"WHO = 'utils of {letter}'\n",
        "model.py": f"NAME = 'model of {letter}'\n",
        "lazy_part.py": lazy,
        "helpers/__init__.py": "",
        "helpers/deep.py": f"WHERE = 'package of {letter}'\n",
    }


def build_requiring(builder: ArchiveBuilder) -> None:
    """Archives with requirements: a wheel that one of them holds, and a package that does not exist."""
    ours = "--no-index\n--find-links .\nsample_package==1.0\n"
    files = {"requirements.txt": ours, "sample_package-1.0-py3-none-any.whl": wheel()}
    builder.pack("reqs", "reqs", files, requirements_file="requirements.txt")
    files = {"requirements.txt": "--no-index\na-package-that-is-not-there==1.0\n"}
    builder.pack("reqs_bad", "reqs", files, requirements_file="requirements.txt")


def wheel() -> bytes:
    """A package of one line."""
    info = "sample_package-1.0.dist-info"
    files = {
        "sample_package.py": 'WORD = "installed from the archive"\n',
        f"{info}/METADATA": "Metadata-Version: 2.1\nName: sample_package\nVersion: 1.0\n",
        f"{info}/WHEEL": "Wheel-Version: 1.0\nGenerator: sample\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
    }
    record = [*(f"{name},," for name in files), f"{info}/RECORD,,"]
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as out:
        for name, text in {**files, f"{info}/RECORD": "\n".join(record) + "\n"}.items():
            out.writestr(name, text)
    return buffer.getvalue()


def build_certificate(store: Path) -> None:
    """A key with its certificate for https; none where the openssl command is missing."""
    if shutil.which("openssl"):
        identity = self_signed()
        (store / "tls.key").write_bytes(identity.key)
        (store / "tls.pem").write_bytes(identity.chain)


def build_trained(builder: ArchiveBuilder) -> None:
    """The same small layer as weights, as TorchScript and as ONNX."""
    names = {"index_to_name.json": json.dumps({"0": "low", "1": "high"})}
    trained = {"model_file": "model.py", "serialized_file": "weights.pt"}
    builder.pack("eager", "eager", {"weights.pt": weights()}, **trained)
    builder.pack("eager_named", "eager", {"weights.pt": weights(), **names}, **trained)
    builder.pack("script", "eager", {"script.pt": torchscript()}, serialized_file="script.pt")
    builder.pack("onnx", "onnx", {"linear.onnx": onnx_model()}, serialized_file="linear.onnx")
