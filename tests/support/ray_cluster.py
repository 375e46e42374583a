"""A Ray cluster on this machine, with Serve's proxy on loopback."""

import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from tests.support.free_ports import free_port

OBJECT_STORE_BYTES = 100 << 20
ENVIRONMENT = {"RAY_USAGE_STATS_ENABLED": "0", "RAY_AUTH_MODE": "disabled", "RAY_DEDUP_LOGS": "0"}


@contextmanager
def ray_cluster(cores: int = 4, gpus: int = 0) -> Iterator[str]:
    """The address of Serve's proxy, while the block runs; Ray counts on so many GPUs, real or not.

    Ray's paths of sockets have to be short.
    """
    os.environ |= ENVIRONMENT
    import ray
    from ray import serve

    port = free_port()
    with tempfile.TemporaryDirectory(prefix="ray-", ignore_cleanup_errors=True) as folder:
        ray.init(
            num_cpus=cores, num_gpus=gpus, include_dashboard=False, log_to_driver=False, logging_level="ERROR",
            object_store_memory=OBJECT_STORE_BYTES, _temp_dir=folder,
        )  # fmt: skip
        try:
            serve.start(http_options={"host": "127.0.0.1", "port": port})
            yield f"http://127.0.0.1:{port}"
        finally:
            serve.shutdown()
            ray.shutdown()


def deploy(arguments: dict[str, Any]) -> None:
    """Put an application of marserve in place of the one that is there; returns when its replicas have loaded."""
    from ray import serve

    import marserve

    serve.run(marserve.ray_application(arguments), name="marserve", route_prefix="/")
