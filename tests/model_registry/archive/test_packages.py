"""Packages that archives require: each archive has its own, and a failed installation is reported."""

import asyncio
import base64
import hashlib
import io
import logging
import os
import zipfile
from importlib.machinery import EXTENSION_SUFFIXES
from pathlib import Path

import numpy as np
import pytest

from model_registry.archive.archive import Archive
from model_registry.archive.manifest import Manifest
from model_registry.archive.packages import install, obstacles
from model_registry.errors import PackagesFailed
from tests.conftest import MakeArchive
from tests.support.serving import serving

pytestmark = pytest.mark.anyio
HANDLER = """
    import wheeled
    class Says:
        def initialize(self, context):
            pass
        def handle(self, data, context):
            import wheeled.late
            return [[wheeled.WORD, wheeled.late.WORD] for _ in data]
"""
REQUIREMENTS = "--no-index\n--find-links .\nwheeled\n"


def wheel(version: str, name: str = "wheeled", *more: str) -> dict[str, bytes]:
    """A wheel of two modules, by its file name; they say its version. `more` are empty files."""
    info = f"{name}-{version}.dist-info"
    files = {
        f"{name}/__init__.py": f"WORD = 'version {version}'\n",
        f"{name}/late.py": f"WORD = 'late {version}'\n",
        **{f"{name}/{file}": "" for file in more},
        f"{info}/METADATA": f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n",
        f"{info}/WHEEL": "Wheel-Version: 1.0\nGenerator: tests\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
    }
    lines = [f"{path},sha256={_digest(text)},{len(text)}\n" for path, text in files.items()]
    files[f"{info}/RECORD"] = "".join(lines) + f"{info}/RECORD,,\n"
    return {f"{name}-{version}-py3-none-any.whl": _zip(files)}


def _digest(text: str) -> str:
    return base64.urlsafe_b64encode(hashlib.sha256(text.encode()).digest()).rstrip(b"=").decode()


def _zip(files: dict[str, str]) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as out:
        for path, text in files.items():
            out.writestr(path, text)
    return buffer.getvalue()


def unpacked(folder: Path, requirements: str, files: dict[str, bytes] | None = None) -> Archive:
    """An unpacked archive with a requirements file."""
    folder.mkdir()
    for name, content in {"requirements.txt": requirements.encode(), **(files or {})}.items():
        (folder / name).write_bytes(content)
    return Archive("m.mar", Manifest(requirements_file="requirements.txt"), folder)


async def test_two_archives_have_different_versions_of_a_package_at_once(store: Path, archive: MakeArchive) -> None:
    for name, version in (("old", "1.0"), ("new", "2.0")):
        files = {"requirements.txt": REQUIREMENTS, **wheel(version)}
        archive(name, HANDLER, files, requirementsFile="requirements.txt")
    async with serving(store, "old.mar", "new.mar", install_py_dep_per_model="true") as client:
        answers = [(await client.predict(name)).json() for name in ("old", "new")]
    assert answers == [["version 1.0", "late 1.0"], ["version 2.0", "late 2.0"]]


async def test_a_folder_of_an_archive_is_left_as_it_is(store: Path, archive: MakeArchive) -> None:
    packed = archive(
        "plain", HANDLER, {"requirements.txt": REQUIREMENTS, **wheel("1.0")}, requirementsFile="requirements.txt"
    )
    with zipfile.ZipFile(packed) as out:
        out.extractall(store / "folder")
    before = sorted((store / "folder").rglob("*"))
    async with serving(store, "folder", install_py_dep_per_model="true") as client:
        assert (await client.predict("plain")).json() == ["version 1.0", "late 1.0"]
    assert [path for path in sorted((store / "folder").rglob("*")) if "__pycache__" not in path.parts] == before


async def test_nothing_is_installed_unless_the_server_is_told_to(store: Path, archive: MakeArchive) -> None:
    archive("m", HANDLER, {"requirements.txt": REQUIREMENTS, **wheel("1.0")}, requirementsFile="requirements.txt")
    async with serving(store) as client:
        answer = await client.register("m.mar")
    assert (answer.status_code, answer.json()["message"]) == (500, "Failed to start workers for model m version: 1.0")


async def test_a_model_without_its_packages_stays_with_no_workers(store: Path, archive: MakeArchive) -> None:
    files = {"requirements.txt": "--no-index\na-package-that-is-not-there\n"}
    archive("m", HANDLER, files, requirementsFile="requirements.txt", config="minWorkers: 1\nmaxWorkers: 1\n")
    async with serving(store, install_py_dep_per_model="true") as client:
        answer = await client.register("m.mar")
        assert (answer.status_code, answer.json()) == (
            400,
            {"code": 400, "type": "ModelException", "message": "Custom pip package installation failed for model m"},
        )
        described = await client.describe("m")
        assert (described["minWorkers"], described["workers"]) == (0, [])
        assert (await client.http.get("/ping")).status_code == 200
        assert (await client.predict("m")).status_code == 503


async def test_a_caller_that_leaves_does_not_keep_a_model_from_its_packages(store: Path, archive: MakeArchive) -> None:
    archive("m", HANDLER, {"requirements.txt": REQUIREMENTS, **wheel("1.0")}, requirementsFile="requirements.txt")
    async with serving(store, install_py_dep_per_model="true") as client:
        registering = asyncio.create_task(client.register("m.mar"))
        while (await client.http.get("/models/m")).status_code != 200:
            await asyncio.sleep(0.001)
        registering.cancel()
        while not client.application.registry.resolve("m").pool.ready_count:
            await asyncio.sleep(0.01)
        assert (await client.predict("m")).json() == ["version 1.0", "late 1.0"]


async def test_what_pip_says_is_in_the_log(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    archive = unpacked(tmp_path / "m", REQUIREMENTS, wheel("1.0"))
    with caplog.at_level(logging.INFO, "marserve.packages"):
        await install(archive, "m")
    assert "Model m: pip: Successfully installed wheeled-1.0" in caplog.messages
    assert caplog.messages[-1] == "Installed custom pip packages for model m."
    assert (tmp_path / "m" / "wheeled" / "late.py").exists()


async def test_pip_gets_only_so_much_time(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    archive = unpacked(tmp_path / "m", REQUIREMENTS, wheel("1.0"))
    with caplog.at_level(logging.ERROR, "marserve.packages"), pytest.raises(PackagesFailed):
        await install(archive, "m", seconds=0.01)
    assert caplog.messages[0] == "Model m: pip was stopped after 0.01 s."


async def test_a_requirements_file_outside_the_archive_is_not_read(tmp_path: Path) -> None:
    archive = Archive("m.mar", Manifest(requirements_file="../requirements.txt"), tmp_path)
    with pytest.raises(PackagesFailed):
        await install(archive, "m")


NATIVE = "native" + EXTENSION_SUFFIXES[0]
NUMPY = """
    import os, numpy
    def handle(data, context):
        return data and [[numpy.WORD, os.getpid()]]
"""


async def test_what_the_servers_process_cannot_hold_is_told(tmp_path: Path) -> None:
    requirements = "--no-index\n--find-links .\nnumpy==0.1\nwheeled\nbuilt\n"
    wheels = wheel("0.1", "numpy") | wheel("1.0") | wheel("3.0", "built", NATIVE)
    archive = unpacked(tmp_path / "m", requirements, wheels)
    assert await install(archive, "m") == [
        "built 3.0 has native modules",
        f"numpy 0.1 is not the {np.__version__} that the server uses",
    ]


def test_the_same_version_is_shared(tmp_path: Path) -> None:
    info = tmp_path / f"numpy-{np.__version__}.dist-info"
    info.mkdir()
    (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: numpy\nVersion: {np.__version__}\n")
    (info / "RECORD").write_text(f"numpy/__init__.py,,\nnumpy/{NATIVE},,\n")
    assert list(obstacles(tmp_path)) == []


async def test_a_model_whose_packages_quarrel_with_the_servers_gets_processes(
    store: Path, archive: MakeArchive, capfd: pytest.CaptureFixture[str]
) -> None:
    files = {"requirements.txt": REQUIREMENTS.replace("wheeled", "numpy"), **wheel("0.1", "numpy")}
    archive("apart", NUMPY, files, requirementsFile="requirements.txt")
    async with serving(store, install_py_dep_per_model="true") as client:
        await client.register("apart.mar")
        word, pid = (await client.predict("apart")).json()
    assert word == "version 0.1"
    assert pid != os.getpid()
    told = "Model apart: its workers are processes of their own: numpy 0.1 is not the "
    assert told in capfd.readouterr().out


async def test_a_model_that_asks_for_threads_gets_them_and_is_warned(
    store: Path, archive: MakeArchive, capfd: pytest.CaptureFixture[str]
) -> None:
    files = {"requirements.txt": REQUIREMENTS.replace("wheeled", "numpy"), **wheel("0.1", "numpy")}
    source = NUMPY.replace("numpy.WORD", "numpy.__version__")
    archive("along", source, files, requirementsFile="requirements.txt", config="isolation: thread\n")
    async with serving(store, install_py_dep_per_model="true") as client:
        await client.register("along.mar")
        assert (await client.predict("along")).json() == [np.__version__, os.getpid()]
    assert (
        "Model along: its workers are threads, as it says, and get the server's packages or fail: "
        in capfd.readouterr().out
    )
