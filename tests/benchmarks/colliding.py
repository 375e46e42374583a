"""Archives that would collide in one process: the same names of files, modules, classes, loggers and globals in all."""

import json
import textwrap
import zipfile
from collections.abc import Mapping
from pathlib import Path

HANDLER = """
    import asyncio, importlib, importlib.util, inspect, logging, os, pickle, subprocess, sys, threading, uuid
    from concurrent.futures import ThreadPoolExecutor
    import model
    import utils
    from model import Net
    from pack import part
    from utils import *

    with open("who.txt") as file:
        AT_IMPORT = file.read()
    TOKEN = uuid.uuid4().hex
    CALLS = 0
    logging.basicConfig(level=logging.DEBUG, force=True)
    log = logging.getLogger("shared")
    log.who = WHO
    os.environ["WHO"] = WHO
    sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "more"))

    def lazy():
        import late
        return late.WHO

    def by_path():
        spec = importlib.util.spec_from_file_location("utils", "utils.py")
        module = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(module)
        return module.WHO

    def by_exec():
        found = {}
        exec("import model\\nwho = model.WHO", found)
        return found["who"]

    def by_source():
        return inspect.getsource(model.mark).partition('"')[2].partition('"')[0]

    def in_thread():
        found = []
        thread = threading.Thread(target=lambda: found.append(importlib.import_module("model").WHO + read()[:0]))
        thread.start(), thread.join()
        return found[0]

    def in_executor():
        with ThreadPoolExecutor(1) as pool:
            return pool.submit(pickle.loads, pickle.dumps(Net())).result().who()

    def read(name="who.txt"):
        with open(name) as file:
            return file.read()

    def elsewhere():
        before = os.getcwd()
        os.chdir("more")
        try:
            return read("../who.txt")
        finally:
            os.chdir(before)

    def printed():
        print(WHO)
        logging.getLogger("shared").info("called")
        return logging.getLogger("shared").who

    async def later():
        await asyncio.sleep(0)
        return os.environ["WHO"]

    def extra():
        import extra
        return extra.WHO

    PRACTICES = {
        "at import": lambda: AT_IMPORT, "global": lambda: model.WHO, "star": lambda: WHO, "class": lambda: Net().who(),
        "part": lambda: part.who(), "lazy": lazy, "by path": by_path, "exec": by_exec, "source": by_source,
        "importlib": lambda: importlib.import_module("pack.names").WHO, "modules": lambda: sys.modules["model"].WHO,
        "pickle": lambda: pickle.loads(pickle.dumps(Net())).who(), "row": lambda: utils.Row().who,
        "thread": in_thread, "executor": in_executor, "read": read, "chdir": elsewhere, "print": printed,
        "sys.path": extra, "environ": lambda: os.environ["WHO"], "asyncio": lambda: asyncio.run(later()),
        "program": lambda: subprocess.check_output("test $WHO = $(cat who.txt) && cat who.txt", shell=True, text=True),
        "directory": lambda: read(os.path.join(CONTEXT.system_properties["model_dir"], "who.txt")),
    }
    CONTEXT = None

    def handle(data, context):
        global CALLS, CONTEXT
        CONTEXT = context
        if data is None:
            return None
        CALLS += 1
        found = [PRACTICES[row["body"]]() for row in data]
        return [{"who": who, "token": TOKEN, "calls": CALLS, "row": row} for row, who in enumerate(found)]
"""
FILES = {
    "model.py": """
        WHO = "@who@"
        class Net:
            def __init__(self):
                self.name = WHO
            def who(self):
                return self.name if self.name == WHO else "mixed"
        def mark():
            return "@who@"
    """,
    "utils.py": """
        from dataclasses import dataclass
        from model import WHO
        @dataclass
        class Row:
            who: str = WHO
    """,
    "late.py": "from utils import WHO",
    "more/extra.py": "import model\nWHO = model.WHO",
    "pack/__init__.py": "",
    "pack/names.py": 'WHO = "@who@"',
    "pack/part.py": "def who():\n    from .names import WHO\n    return WHO",
    "who.txt": "@who@",
}
PRACTICES = (
    "at import", "global", "star", "class", "part", "lazy", "by path", "exec", "source", "importlib", "modules",
    "pickle", "row", "thread", "executor", "read", "chdir", "print", "sys.path", "directory", "environ",
    "asyncio", "program",
)  # fmt: skip


def pack(store: Path, name: str, version: str, config: str, files: Mapping[str, str] | None = None) -> str:
    """Write the archive of one version to the store; its answers say "NAME/VERSION". Returns its file's name.

    `files` come in place of those of the same names, or besides.
    """
    model = {"modelName": name, "modelVersion": version, "handler": "handler.py", "configFile": "model-config.yaml"}
    contents = {"handler.py": HANDLER, **FILES, "model-config.yaml": config, **(files or {})}
    file = f"{name}_{version}.mar"
    with zipfile.ZipFile(store / file, "w") as out:
        out.writestr("MAR-INF/MANIFEST.json", json.dumps({"runtime": "python", "model": model}))
        for path, text in contents.items():
            out.writestr(
                path, textwrap.dedent(text).strip().replace("@who@", f"{name}/{version}") + "\n" * (path[-3:] == ".py")
            )
    return file
