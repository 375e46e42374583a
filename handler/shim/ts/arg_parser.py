"""The arguments of the command `torchserve` and of TorchServe's workers."""

import argparse


class ArgParser:
    """Makes parsers."""

    @staticmethod
    def ts_parser():
        """The parser of `torchserve`."""
        parser = argparse.ArgumentParser(prog="torchserve", description="Torchserve")
        action = parser.add_mutually_exclusive_group(required=False)
        action.add_argument("-v", "--version", action="store_true", help="print the version")
        action.add_argument("--start", action="store_true", help="start the server")
        action.add_argument("--stop", action="store_true", help="stop the server")
        add = parser.add_argument
        add("--ts-config", help="configuration file of the server")
        add("--model-store", help="folder of the archives")
        add("--workflow-store", help="folder of the workflows")
        add("--models", nargs="+", metavar="[NAME=]ARCHIVE", help="archives to load at the start")
        add("--log-config", help="configuration file of the log")
        add("--cpp-log-config", help="configuration file of the log of C++ workers")
        add("--foreground", action="store_true", help="stay in the foreground")
        add("--no-config-snapshots", "--ncs", action="store_true", help="write no snapshots")
        add("--plugins-path", "--ppath", help="jars of plugins")
        add("--disable-token-auth", "--dt", dest="token_auth", action="store_true", help="ask for no tokens")
        add("--enable-model-api", dest="model_mode", action="store_true", help="let models be registered")
        return parser

    @staticmethod
    def model_service_worker_args():
        """The parser of a worker's arguments."""
        parser = argparse.ArgumentParser(prog="model-server-worker", description="Model Server Worker")
        add = parser.add_argument
        add("--sock-type", required=True, choices=["unix", "tcp"], help="kind of the socket to listen on")
        add("--sock-name", help="path of a unix socket")
        add("--host", help="address of a tcp socket")
        add("--port", help="port of a tcp socket")
        add("--metrics-config", help="metrics file")
        add("--async", dest="async_comm", action="store_true", help="several batches at a time")
        return parser

    @staticmethod
    def extract_args(args=None):
        """The arguments of `torchserve`: those given, or the program's."""
        return ArgParser.ts_parser().parse_args(args or None)
