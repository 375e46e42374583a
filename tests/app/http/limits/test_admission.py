"""Connections are counted in total and by peer."""

import pytest

from app.errors import ServerBusy
from app.http.limits.admission import Admission, peer_of
from app.http.limits.connection_limits import ConnectionLimits
from app.http.limits.refusal_log import RefusalLog

pytestmark = pytest.mark.anyio


async def test_connections_beyond_a_limit_are_refused_until_others_go() -> None:
    admission = Admission(ConnectionLimits(max_connections=3, max_connections_per_peer=2), RefusalLog())
    assert [admission.admit(peer) for peer in ("a", "a", "a", "b", "b")] == [
        "", "", "max_connections_per_peer", "", "max_connections",
    ]  # fmt: skip
    assert repr(admission) == "<Admission 3 connections of 2 peers>"
    admission.release("a")
    assert admission.admit("a") == ""
    for peer in ("a", "a", "b"):
        admission.release(peer)
    assert repr(admission) == "<Admission 0 connections of 0 peers>"


async def test_handshakes_count_beside_connections_until_they_are_over() -> None:
    admission = Admission(ConnectionLimits(max_connections=3, max_connections_per_peer=2), RefusalLog())
    assert [admission.admit_handshake(peer) for peer in ("a", "a", "a")] == ["", "", "max_connections_per_peer"]
    assert admission.admit("a") == ""  # the connection of one of them
    admission.end_handshake("a")
    assert admission.admit_handshake("b") == ""
    assert admission.admit_handshake("c") == "max_connections"
    admission.end_handshake("a")
    admission.end_handshake("b")
    assert admission.admit_handshake("c") == ""


async def test_unix_sockets_have_no_peers() -> None:
    admission = Admission(ConnectionLimits(max_connections=5, max_connections_per_peer=1), RefusalLog())
    assert [admission.admit(None) for _ in range(6)] == [*[""] * 5, "max_connections"]


@pytest.mark.parametrize(
    ("host", "peer"),
    [
        ("10.0.0.7", "10.0.0.7"),
        ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64"),
        ("2001:db8:1:2::9", "2001:db8:1:2::/64"),
        ("fe80::1%eth0", "fe80::/64"),
    ],
)
def test_an_ipv6_peer_is_its_network(host: str, peer: str) -> None:
    assert peer_of(host) == peer


async def test_a_request_that_is_refused_is_counted() -> None:
    recorded: list[tuple[str, int]] = []
    refusals = RefusalLog(lambda reason, count: recorded.append((reason, count)))
    with pytest.raises(ServerBusy):
        Admission(ConnectionLimits(), refusals).refuse_request()
    refusals.flush()
    assert recorded == [("max_unsent_bytes", 1)]
