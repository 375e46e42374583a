"""Services that are imported with their first call."""

import subprocess
import sys

import grpc
import pytest

from app.grpc.lazy_service import LazyService


class Details:
    """The part of a call's details that handlers read."""

    def __init__(self, method: str) -> None:
        self.method = method


def answer(request: object, context: object) -> object:
    return request


@pytest.fixture
def loads() -> list[str]:
    return []


@pytest.fixture
def service(loads: list[str]) -> LazyService:
    def load() -> grpc.GenericRpcHandler:
        loads.append("loaded")
        return grpc.method_handlers_generic_handler("a.Service", {"Ask": grpc.unary_unary_rpc_method_handler(answer)})

    return LazyService("a.Service", load)


def test_it_is_loaded_by_the_first_call_of_its_own_and_once(service: LazyService, loads: list[str]) -> None:
    assert service.service(Details("/another.Service/Ask")) is None
    assert loads == []
    assert service.service(Details("/a.Service/Ask")).unary_unary is answer
    assert service.service(Details("/a.Service/Unknown")) is None
    assert loads == ["loaded"]


def test_a_grpc_server_of_archives_starts_without_numpy() -> None:
    program = "import sys, app.grpc.server; sys.exit('numpy' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", program], check=False).returncode == 0
