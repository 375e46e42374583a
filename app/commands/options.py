"""The options of the commands `torchserve` and `marserve`."""

import argparse

from app.commands.parser import CommandParser
from app.commands.tritonserver.repository_flags import add_repository_flags

_FORMAT = argparse.RawDescriptionHelpFormatter

_MARSERVE = """\
examples:
  marserve new my_model                                 a handler to begin with
  marserve serve ./my_model                             a folder with handler.py, at 127.0.0.1:8080
  marserve serve mlp.mar net.onnx                       archives, and bare models
  marserve serve                                        the models that config.properties names, or samples
  marserve archive --model-name mlp --version 1.0 --handler handler.py --export-path store
  marserve verify                                       the machine, and a tiny inference on each device
  marserve check mlp.mar --request input.json           what is in an archive, whether it loads, and how fast it is
  marserve tune mlp.mar --request input.json            batch size, workers and threads, found by measuring
  marserve optimize mlp.mar --requests samples/         faster forms of its model, proved to answer alike
  marserve export net.pt --input '1x64x469 float32' net.onnx
  marserve compare --baseline http://old:8080 --candidate http://127.0.0.1:8080 samples/
  marserve compat                                       what of TorchServe is here, feature by feature
  marserve switch mlp 2.0 --archive mlp-2.0.mar --smoke input.json
  marserve rollout mlp 2.0 --archive mlp-2.0.mar --steps 1,5,25,100

The commands torchserve and torch-model-archiver are there as well, with the options that they have always had.
"""

_SERVE = """\
examples:
  marserve serve mlp.mar                                an archive
  marserve serve ./my_model flowers=net.onnx            a folder with handler.py, and a bare model by another name
  marserve serve --model-store store --models all       every archive of a folder
  marserve serve --models mlp=https://example.com/mlp.mar --port 9000
  marserve serve mlp.mar --model-repository models      a model repository of Triton, beside an archive
  marserve serve --host 0.0.0.0                         management then needs a token: MARSERVE_MANAGEMENT_TOKEN
  marserve serve --reload my_model                      a folder with handler.py, loaded anew whenever you save

  curl -X POST http://127.0.0.1:8080/predictions/mlp -T input.json
  curl http://127.0.0.1:8080/models
  curl http://127.0.0.1:8080/metrics

Every key of TorchServe's config.properties can be given there, or as an environment variable: job_queue_size as
TS_JOB_QUEUE_SIZE. Options win over variables, variables over the file. $PORT is honoured. Log files are written only
where LOG_LOCATION names a folder.
"""

_TORCHSERVE = """\
examples:
  torchserve --start --model-store store --models mlp=mlp.mar
  torchserve --start --foreground --model-store store --models all --ts-config config.properties --disable-token-auth
  torchserve --stop

Calls need the tokens of key_file.json, which is written at start, unless --disable-token-auth is given.
"""


def marserve_parser() -> argparse.ArgumentParser:
    """`marserve COMMAND`; the chosen one is `command` in the result, None without one."""
    parser = CommandParser(
        prog="marserve",
        description="Serves TorchServe's model archives, handlers unchanged, at TorchServe's URLs.",
        epilog=_MARSERVE,
        formatter_class=_FORMAT,
    )
    parser.add_argument("--version", action="store_true", help="show the version")
    commands = parser.add_subparsers(dest="command", metavar="COMMAND", title="commands")
    serve = commands.add_parser(
        "serve",
        help="serve models: predictions, management and metrics on one address",
        description="Serves models: predictions, management and metrics on one address, in the foreground.",
        epilog=_SERVE,
        formatter_class=_FORMAT,
    )
    _add_serve_options(serve)
    commands.add_parser("fleet", help="show the replicas that share a state", add_help=False)
    commands.add_parser("new", help="write a handler to begin with, its test, and a sample request", add_help=False)
    commands.add_parser("archive", help="make a model archive; the options are torch-model-archiver's", add_help=False)
    commands.add_parser(
        "verify", help="show this machine, and whether each engine infers on each device", add_help=False
    )
    commands.add_parser("check", help="load an archive without a server, and show what it holds", add_help=False)
    commands.add_parser(
        "compare", help="send the same requests to two servers, and show the differences", add_help=False
    )
    commands.add_parser("compat", help="show what of TorchServe is here", add_help=False)
    commands.add_parser("export", help="export a bare model as ONNX, check it, run it, and compare", add_help=False)
    commands.add_parser("optimize", help="bring an archive's model into faster forms, proved to agree", add_help=False)
    commands.add_parser("tune", help="find batch size, workers and threads for a model by measuring", add_help=False)
    commands.add_parser("profile", help="pack the distributions of sample requests into an archive", add_help=False)
    commands.add_parser("rollout", help="give a new version the traffic step by step, guarded", add_help=False)
    commands.add_parser("switch", help="let a new version take over without a failed request", add_help=False)
    return parser


def _add_serve_options(parser: argparse.ArgumentParser) -> None:
    add = parser.add_argument
    add(
        "targets", metavar="TARGET", nargs="*",
        help="an archive, a folder with a handler.py, a handler's file or a model (.onnx, .pt); NAME=TARGET gives it"
        " another name",
    )  # fmt: skip
    add("--host", metavar="NAME", help="name or address to listen on; 127.0.0.1 by default, 0.0.0.0 for all")
    add("--port", metavar="N", help="port to listen on; $PORT or 8080 by default, 0 for any free one")
    add("--model-store", metavar="DIR", help="folder with the model archives, or s3://, gs:// or az:// BUCKET/PREFIX")
    add(
        "--state", metavar="PLACE", help="share models with other replicas: s3://, gs:// or az:// BUCKET/KEY, or a file"
    )
    add(
        "--models", metavar="NAME=URL", nargs="+", dest="load_models",
        help="models to load at start: an archive of the model store or a URL, with a name of your own in front if you"
        " like; all: every archive of the model store",
    )  # fmt: skip
    add(
        "--ts-config",
        metavar="FILE",
        help="configuration; config.properties in this folder by default, if there is one",
    )
    add(
        "--reload", metavar="DIR",
        help="for development: serve this unpacked archive, or the archives of this folder, and load them anew whenever"
        " they change",
    )  # fmt: skip
    add("--log-format", choices=("text", "json"), help="form of the log lines; text by default")
    group = parser.add_argument_group(
        "model repositories of Triton", "They are served beside archives, under /v2; docs/triton.md says more."
    )
    add_repository_flags(group)
    group.add_argument("--grpc-port", metavar="N", help="port for clients of gRPC; closed by default")


def torchserve_parser() -> argparse.ArgumentParser:
    """TorchServe's own options, with its abbreviations and its errors."""
    parser = argparse.ArgumentParser(
        prog="torchserve", description="Torchserve", epilog=_TORCHSERVE, formatter_class=_FORMAT
    )
    action = parser.add_mutually_exclusive_group()
    action.add_argument("-v", "--version", action="store_true", help="show the version of TorchServe that is kept")
    action.add_argument("--start", action="store_true", help="start the server, as is done without any of these three")
    action.add_argument("--stop", action="store_true", help="stop the server, after it has answered what it accepted")
    add = parser.add_argument
    add("--ts-config", metavar="FILE", help="configuration; config.properties in this folder by default")
    add("--model-store", metavar="DIR", help="folder with the model archives; needed here or in the configuration")
    add(
        "--state", metavar="PLACE", help="share models with other replicas: s3://, gs:// or az:// BUCKET/KEY, or a file"
    )
    add("--workflow-store", metavar="DIR", help="folder with the workflow archives; the model store by default")
    add(
        "--models", metavar="[NAME=]URL", nargs="+", dest="load_models",
        help="models to load at start: an archive of the model store or a URL; all: every archive of the model store",
    )  # fmt: skip
    add("--log-config", metavar="FILE", help="accepted, but log4j files are not read")
    add("--cpp-log-config", metavar="FILE", help="accepted, but there is no C++ backend")
    add("--foreground", action="store_true", help="serve in this process instead of leaving one in the background")
    add("--no-config-snapshots", "--ncs", action="store_true", help="write no snapshots of the configuration")
    add("--plugins-path", "--ppath", metavar="DIR", help="accepted, but Java plugins are not loaded")
    add(
        "--disable-token-auth", "--dt", action="store_true", dest="disable_token_authorization",
        help="ask for no token",
    )  # fmt: skip
    add("--enable-model-api", action="store_true", help="let clients register, scale and unregister models")
    return parser
