"""HAProxy before several servers: each in turn that is ready, and another one where a connection ends early."""

import shutil
import subprocess
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from tests.support.free_ports import free_port

COMMAND = shutil.which("haproxy", path="/usr/sbin:/usr/local/sbin:/usr/bin") or shutil.which("haproxy")
CONFIGURATION = """
global
    maxconn 2000
defaults
    mode http
    timeout connect 1s
    timeout client 60s
    timeout server 60s
    retries 3
    option redispatch 1
    retry-on conn-failure empty-response response-timeout
frontend front
    bind 127.0.0.1:{port}
    default_backend replicas
backend replicas
    balance roundrobin
    option httpchk GET /v2/health/ready
    default-server inter 200ms fall 1 rise 1
{servers}
"""


@contextmanager
def balancer(folder: Path, ports: Sequence[int]) -> Iterator[int]:
    """The port of a balancer before these ones, while the block runs."""
    assert COMMAND is not None
    port = free_port()
    servers = "\n".join(f"    server r{number} 127.0.0.1:{each} check" for number, each in enumerate(ports))
    path = folder / "haproxy.cfg"
    path.write_text(CONFIGURATION.format(port=port, servers=servers))
    process = subprocess.Popen([COMMAND, "-db", "-f", path], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        yield port
    finally:
        process.terminate()
        process.wait(30)
