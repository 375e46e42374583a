"""A worker behind a socket, as TorchServe's front end starts it. The server's own workers need none."""

import logging
import os
import platform
import socket

from ts.arg_parser import ArgParser
from ts.async_service import AsyncService
from ts.metrics.metric_cache_yaml_impl import MetricsCacheYamlImpl
from ts.model_loader import ModelLoaderFactory
from ts.protocol.otf_message_handler import LOAD_MSG, PREDICT_MSG, create_load_model_response, retrieve_msg

__all__ = ["ArgParser", "TorchModelServiceWorker"]

SOCKET_ACCEPT_TIMEOUT = 30.0
LOCAL_RANK = int(os.getenv("LOCAL_RANK", "0"))
logger = logging.getLogger(__name__)


class TorchModelServiceWorker:
    """Listens on a socket ("unix" with a name that ends in a number, or "tcp"), and serves one model to one client."""

    def __init__(self, s_type=None, s_name=None, host_addr=None, port_num=None, metrics_config=None, async_comm=False):
        self.sock_type = s_type
        self.sock_name, self.port = self._address(s_type, s_name, host_addr, port_num)
        self.sock = socket.socket(socket.AF_INET if s_type == "tcp" else socket.AF_UNIX, socket.SOCK_STREAM)
        self.metrics_cache = MetricsCacheYamlImpl(config_file_path=metrics_config)
        self.metrics_cache.initialize_cache()
        self.async_comm = async_comm

    def __repr__(self):
        return f"<TorchModelServiceWorker {self.sock_type} {self.sock_name}>"

    def load_model(self, load_model_request):
        """Load what a load message names: (service or None, text, status code)."""
        name, folder, handler, envelope = (
            bytes(load_model_request.get(key) or b"").decode()
            for key in ("modelName", "modelPath", "handler", "envelope")
        )
        self.metrics_cache.model_name = name
        try:
            service = ModelLoaderFactory.get_model_loader().load(
                name,
                folder,
                handler or None,
                load_model_request.get("gpu"),
                load_model_request.get("batchSize"),
                envelope or None,
                load_model_request.get("limitMaxImagePixels", True),
                self.metrics_cache,
            )
        except (MemoryError, RuntimeError) as error:
            logger.exception("Failed to load model %s", name)
            out_of_memory = isinstance(error, MemoryError) or "CUDA" in str(error)
            return None, *(("System out of memory", 507) if out_of_memory else ("Unknown exception", 500))
        return service, f"loaded model {name}", 200

    def handle_connection(self, cl_socket):
        """Answer one message after the other; raises RuntimeError when a model does not load, or ValueError."""
        service = None
        while True:
            command, message = retrieve_msg(cl_socket)
            if command == LOAD_MSG:
                service, text, code = self.load_model(message)
                cl_socket.sendall(create_load_model_response(code, text))
                if service is None:
                    raise RuntimeError(f"{code} - {text}")
                service.set_cl_socket(cl_socket)
                if self.async_comm:
                    raise RuntimeError(AsyncService(service).run())
            elif command == PREDICT_MSG and service is not None:
                response = service.predict(message)
                if response is not None:
                    cl_socket.sendall(response)
            else:
                raise RuntimeError(f"Received command: {command}, but service is not loaded")

    def run_server(self):
        """Listen, and serve whoever connects, one after the other."""
        self.sock.settimeout(SOCKET_ACCEPT_TIMEOUT)
        self.sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        self.sock.bind(self.sock_name if self.sock_type == "unix" else (self.sock_name, self.port))
        self.sock.listen(1)
        logger.info("[PID]%d", os.getpid())
        logger.info("Torch worker started.")
        logger.info("Python runtime: %s", platform.python_version())
        while True:
            client, _ = self.sock.accept()
            client.setblocking(True)
            self.handle_connection(client)

    def _address(self, kind, name, host, port):
        if kind == "unix" and name is not None:
            stem, _, number = name.rpartition(".")
            path = f"{stem}.{int(number) + LOCAL_RANK}"
            if os.path.exists(path):
                os.remove(path)
            return path, -1
        if kind == "tcp" and port is not None:
            return host or "127.0.0.1", int(port) + LOCAL_RANK
        raise ValueError("Wrong arguments passed: a unix socket needs a name, a tcp socket a port.")
