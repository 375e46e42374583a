"""The way into the commands: finds marserve's packages beside this file, whatever else is called `app` or `handler`."""

import os
import sys
from collections.abc import Sequence
from importlib.machinery import ModuleSpec, PathFinder
from pathlib import Path
from typing import Any

PACKAGES = frozenset({"app", "handler", "model_registry"})
"""The top-level packages of this distribution that other projects may have, too."""
SERVER_NAME = "org.pytorch.serve.ModelServer"
"""TorchServe's main class, which is an argument of its process."""
_FOLDER = str(Path(__file__).parent)


class OwnPackages:
    """A meta path finder of the packages of this distribution, which does without `sys.path`."""

    @staticmethod
    def find_spec(name: str, path: Sequence[str] | None = None, target: object = None) -> ModuleSpec | None:
        """The spec of one of the packages; everything else is left to other finders."""
        return PathFinder.find_spec(name, [_FOLDER]) if name in PACKAGES else None


def find_own_packages() -> None:
    """From now on, let the packages win over others of their names on PYTHONPATH or in the working directory."""
    if OwnPackages not in sys.meta_path:
        sys.meta_path.insert(0, OwnPackages)


def name_process() -> None:
    """Start a server in the foreground once more, with the argument by which supervisors find TorchServe's process.

    The one in the background is started with it.
    """
    if sys.argv[1:2] == [SERVER_NAME]:
        del sys.argv[1]
    elif {"--start", "--foreground"} <= set(sys.argv):
        end = len(sys.orig_argv) - len(sys.argv) + 1  # of the interpreter's arguments and the script
        arguments = [*sys.orig_argv[1:end], SERVER_NAME, *sys.argv[1:]]
        os.execv(sys.executable, [sys.executable, *arguments])  # noqa: S606 (the program that is running)


def main() -> int:
    """The `marserve` command; returns its exit status."""
    find_own_packages()
    from app.cli import main as marserve

    return marserve()


def torchserve() -> int:
    """The `torchserve` command; returns its exit status."""
    name_process()
    find_own_packages()
    from app.cli import torchserve as command

    return command()


def torch_model_archiver() -> int:
    """The `torch-model-archiver` command; returns its exit status."""
    find_own_packages()
    from app.cli import torch_model_archiver as command

    return command()


def torch_workflow_archiver() -> int:
    """The `torch-workflow-archiver` command; returns its exit status."""
    find_own_packages()
    from app.cli import torch_workflow_archiver

    return torch_workflow_archiver()


def tritonserver() -> int:
    """The `tritonserver` command; returns its exit status."""
    find_own_packages()
    from app.cli import tritonserver as command

    return command()


def ray_application(arguments: dict[str, Any]) -> Any:
    """Build an application of Ray Serve: `import_path: marserve:ray_application`; see app.ray_serve.options."""
    find_own_packages()
    from app.ray_serve.application import application

    return application(arguments)


def __getattr__(name: str) -> Any:
    """Make `app`, the ASGI application of `uvicorn marserve:app`, when a server asks for it."""
    if name != "app":
        raise AttributeError(f"module 'marserve' has no attribute {name!r}")
    find_own_packages()
    from app.importing import importing_modules

    with importing_modules():
        from app.application import create_app
    return create_app()


if __name__ == "__main__":
    sys.exit(main())
