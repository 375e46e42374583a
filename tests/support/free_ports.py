"""Ports without a listener, below those that the kernel gives to connections of clients."""

import random
import socket

LOWEST, HIGHEST = 10_000, 32_000


def free_port() -> int:
    """A port of 127.0.0.1 without a listener now, at random: tests that run beside each other ask for some, too."""
    while True:
        port = random.randint(LOWEST, HIGHEST)
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
            return port


def free_ports(count: int) -> list[int]:
    """So many of them, each another one."""
    ports: set[int] = set()
    while len(ports) < count:
        ports.add(free_port())
    return list(ports)
