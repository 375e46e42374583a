"""The commands of this distribution, each a function that returns its exit status; heavy modules wait until needed."""

import argparse
import os
import sys
from collections.abc import Mapping, Sequence
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING

import ts.version

from app.commands import torchserve_process
from app.commands.options import marserve_parser, torchserve_parser
from app.commands.pid_file import AlreadyRunning
from app.commands.tritonserver.repository_flags import REPOSITORY_FLAGS
from app.importing import importing_modules
from app.release import version
from app.settings.errors import ConfigurationError

if TYPE_CHECKING:
    from app.settings.model import Settings

COMMANDS = {
    "archive": "app.commands.archive",
    "background": "app.commands.background",
    "check": "app.commands.check.command",
    "compare": "app.commands.compare.command",
    "compat": "app.commands.compat.command",
    "export": "app.commands.export.command",
    "fleet": "app.commands.fleet.command",
    "new": "app.commands.new.command",
    "optimize": "app.commands.optimize.command",
    "profile": "app.commands.profile",
    "rollout": "app.commands.rollout",
    "switch": "app.commands.switch",
    "tune": "app.commands.tune.command",
    "verify": "app.commands.verify.command",
}
"""The commands that parse their own options, and the modules with their `main`."""


def main(argv: Sequence[str] | None = None) -> int:
    """The `marserve` command; returns its exit status."""
    words = list(sys.argv[1:] if argv is None else argv)
    if words and words[0] in COMMANDS:
        return _run(COMMANDS[words[0]], words[1:])
    return _marserve(words)


def _run(module: str, words: Sequence[str]) -> int:
    """Run the `main` of a module; a reader of the output that closes it early, such as `head`, is no error."""
    try:
        status = int(import_module(module).main(words))
        sys.stdout.flush()
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # the rest of the output is dropped
        return 1
    return status


def torch_model_archiver(argv: Sequence[str] | None = None) -> int:
    """The `torch-model-archiver` command; returns its exit status."""
    from app.commands.archive import main as archive

    return archive(None if argv is None else list(argv))


def torch_workflow_archiver(argv: Sequence[str] | None = None) -> int:
    """The `torch-workflow-archiver` command; returns its exit status."""
    from app.commands.workflow_archive import main as archive

    return archive(None if argv is None else list(argv))


def tritonserver(argv: Sequence[str] | None = None) -> int:
    """The `tritonserver` command; returns its exit status."""
    from app.commands.tritonserver.command import main as command

    return command(sys.argv[1:] if argv is None else argv)


def torchserve(argv: Sequence[str] | None = None) -> int:
    """The `torchserve` command, with the original's options, messages and exit status."""
    words = list(sys.argv[1:] if argv is None else argv)
    arguments = torchserve_parser().parse_args(words)
    if arguments.version:
        print(f"TorchServe Version is {ts.version.__version__}")
        return 0
    if arguments.stop:
        return torchserve_process.stop()
    try:
        return _start(arguments, words)
    except AlreadyRunning:
        print("TorchServe is already running, please use torchserve --stop to stop TorchServe.")
    except ConfigurationError as error:
        print(error)
    return 1


def _start(arguments: argparse.Namespace, words: Sequence[str]) -> int:
    if torchserve_process.is_running():
        raise AlreadyRunning
    _check_files(arguments, os.environ)
    with importing_modules():
        from app.settings.loading import torchserve_settings

    settings = torchserve_settings(arguments, os.environ, Path.cwd())
    if arguments.foreground:
        return torchserve_process.in_foreground(lambda: _serve(settings))
    return torchserve_process.in_background(words)


def _check_files(arguments: argparse.Namespace, environ: Mapping[str, str]) -> None:
    """Check the options and TEMP as TorchServe does, although little of it is used here."""
    for option, file in (("--log-config", arguments.log_config), ("--cpp-log-config", arguments.cpp_log_config)):
        if file and not Path(file).is_file():
            raise ConfigurationError(f"{option} file not found: {Path(file).resolve()}")
    folder = environ.get("TEMP")
    if folder and not Path(folder).is_dir():
        raise ConfigurationError(f"Invalid temp directory: {folder}, please check TEMP environment variable.")


def _marserve(words: Sequence[str]) -> int:
    parser = marserve_parser()
    arguments = parser.parse_args(words)
    if arguments.version:
        print(f"marserve {version()}")
    elif arguments.command == "serve":
        return _marserve_serve(arguments)
    else:
        parser.print_help()
    return 0


def _marserve_serve(arguments: argparse.Namespace) -> int:
    with importing_modules():
        from app.commands.tritonserver.serve_repositories import found_repositories, with_repositories
        from app.initial_models.arguments import with_targets
        from app.initial_models.samples import with_samples
        from app.settings.loading import marserve_settings
        from app.settings.sagemaker import sagemaker_targets

    own = {"command", "version", "targets", "grpc_port", *REPOSITORY_FLAGS}
    options = {key: value for key, value in vars(arguments).items() if key not in own}
    try:
        if arguments.grpc_port is not None:
            options["grpc_inference_port"] = arguments.grpc_port
        settings = marserve_settings(os.environ, Path.cwd(), **options)
        repositories, targets = found_repositories(arguments.targets or sagemaker_targets(settings), Path.cwd())
        arguments.model_repository += repositories
        if arguments.model_repository:
            settings = with_repositories(settings, arguments)
        elif not targets:
            settings = with_samples(settings, os.environ)
        return _serve(with_targets(settings, targets, Path.cwd()))
    except ConfigurationError as error:
        print(error, file=sys.stderr)
        return 1


def _serve(settings: "Settings") -> int:
    with importing_modules():
        from app.server import serve

    return serve(settings)
