"""Traffic rules over gRPC: metadata as headers, the peer as address, the version in the trailing metadata."""

from pathlib import Path
from typing import Any

import pytest

from app.grpc.routing import client_of
from tests.conftest import MakeArchive
from tests.support.grpc_client import GrpcClient, grpc_serving, prediction

VERSION = """
    def handle(data, context):
        if not data:
            return
        if any(row.get("data") == b'"fail"' for row in data):
            raise ValueError("it fails")
        return ["{}/" + str(context.get_request_header(0, "x-user"))] * len(data)
"""


async def ask(client: GrpcClient, ask: Any = "x", **metadata: str) -> tuple[str, str | None]:
    """The answer or the code, and the version that the trailing metadata names."""
    call = client.inference.Predictions(
        prediction(ask, "m"), timeout=30, metadata=[(name.replace("_", "-"), value) for name, value in metadata.items()]
    )
    trailer = dict(await call.trailing_metadata() or ())
    code = await call.code()
    return (await call).prediction.decode() if code.name == "OK" else code.name, trailer.get("x-marserve-version")


@pytest.mark.anyio
async def test_rules_see_the_metadata_of_a_call_and_the_trailer_names_the_version(
    store: Path, archive: MakeArchive
) -> None:
    for version in ("1.0", "2.0"):
        archive("m", VERSION.format(version), version=version, file=f"m-{version}.mar")
    async with grpc_serving(store, "m-1.0.mar", one_port=True) as client:
        await client.manage("RegisterModel", url="m-2.0.mar", initial_workers=1, synchronous=True)
        assert await ask(client) == ("1.0/None", None)
        rules = {
            "weights": {"1.0": 1, "2.0": 1},
            "key": {"header": "x-user"},
            "conditions": [{"header": "x-tester", "version": "2.0"}],
        }
        (await client.http.put("/models/m/traffic", json=rules)).raise_for_status()
        assert await ask(client, x_tester="yes", x_user="a") == ("2.0/None", "2.0")
        users = {f"user-{number}": await ask(client, x_user=f"user-{number}") for number in range(20)}
        assert {version for _, version in users.values()} == {"1.0", "2.0"}
        assert {user: await ask(client, x_user=user) for user in users} == users
        assert await ask(client, "fail", x_tester="yes") == ("UNAVAILABLE", "2.0")
        (await client.http.put("/models/m/traffic", json={**rules, "key": {"address": True}})).raise_for_status()
        assert len({await ask(client) for _ in range(10)}) == 1


@pytest.mark.parametrize(
    ("peer", "client"),
    [
        ("ipv4:127.0.0.1:5000", ("127.0.0.1", 5000)),
        ("ipv6:%5B::1%5D:5000", ("::1", 5000)),
        ("unix:/a/socket", None),
    ],
)
def test_a_client_is_known_by_its_address(peer: str, client: tuple[str, int] | None) -> None:
    assert client_of(peer) == client
