"""Keeps web pages from managing a server that asks for no token, through the browser of a user who may reach it.

A page of another origin may send simple requests without asking, a POST that registers code included. Browsers say so
in Origin and in Sec-Fetch-Site. A page whose own name leads to this machine (DNS rebinding) is same-origin for them,
but gives itself away by its Host. Other clients send none of these headers, and only names of their own choice as Host.
"""

import socket
from collections.abc import Callable
from functools import partial
from ipaddress import ip_address
from urllib.parse import urlsplit

from starlette.types import Scope

from app.errors import ForeignHost, ForeignOrigin
from app.http.scope import header
from app.settings.model import Settings

DEFAULT_PORTS = {"http": 80, "https": 443}
Header = Callable[[bytes], str]
"""Returns the value of a header by its lower-case name, "" if it is missing."""


class OriginPolicy:
    """Decides whether a management request comes from a page that may send it."""

    def __init__(self, settings: Settings) -> None:
        self._is_needed = settings.authorization == "off"  # no page can send a token that it does not know
        self._origin = (settings.cors_allowed_origin or "").lower()
        addresses = (settings.inference_address, settings.management_address, settings.metrics_address)
        names = (socket.gethostname(), *(address.host for address in addresses), *settings.allowed_hosts)
        self._hosts = frozenset(name.lower() for name in names)

    def __repr__(self) -> str:
        return f"<OriginPolicy {'on' if self._is_needed else 'off'}>"

    def check(self, method: str, header: Header, server: str | None) -> None:
        """Raise ForeignOrigin or ForeignHost for a page's request; `server` is the address that it came to."""
        if not self._is_needed:
            return
        host = header(b"host")
        origin, site = header(b"origin").lower(), header(b"sec-fetch-site")
        is_visit = method in ("GET", "HEAD") and header(b"sec-fetch-mode") == "navigate" and not origin
        is_foreign = site in ("cross-site", "same-site") or (origin != "" and not _is_same_origin(origin, host))
        if is_foreign and not is_visit and (not origin or origin != self._origin):
            raise ForeignOrigin(origin or site)
        if server is not None and is_loopback(server) and not self._is_own_name(host):
            raise ForeignHost(host)

    def check_scope(self, scope: Scope) -> None:
        """The same for a request of ASGI."""
        self.check(scope["method"], partial(header, scope), scope["server"][0] if scope.get("server") else None)

    def _is_own_name(self, host: str) -> bool:
        """True for addresses, names that cannot be registered, and this server's own."""
        name = (urlsplit(f"//{host}").hostname or "").rstrip(".") if "[" not in host else "::1"
        return "." not in name or _is_address(name) or name.endswith(".localhost") or name in self._hosts


def _is_same_origin(origin: str, host: str) -> bool:
    """True if an Origin header names the host and port of a Host header."""
    try:
        page, own = urlsplit(origin), urlsplit(f"{origin.partition(':')[0]}://{host}")
        default = DEFAULT_PORTS.get(page.scheme)
        is_same_port = (page.port or default) == (own.port or default)
        return page.hostname is not None and page.hostname == own.hostname and is_same_port
    except ValueError:  # "null", for one
        return False


def _is_address(name: str) -> bool:
    try:
        ip_address(name)
    except ValueError:
        return False
    return True


def is_loopback(server: str) -> bool:
    """Whether a host is an address of this machine's own network."""
    return _is_address(server) and ip_address(server).is_loopback
