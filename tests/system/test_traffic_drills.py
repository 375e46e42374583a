"""Two versions under load over HTTP and gRPC: a short run of `python -m tests.system.traffic_drills`.

The drills that wait for a guard's verdict, and those that compare latencies, are left to that program.
"""

import asyncio
from collections.abc import Callable, Coroutine

import pytest

from tests.system.traffic_drills import Load, hung_shadow, killed_server, shares_and_users

pytestmark = pytest.mark.slow
LOAD = Load(rate=100, seconds=0.5)


@pytest.mark.parametrize("drill", [shares_and_users, hung_shadow, killed_server], ids=lambda drill: drill.__name__)
def test_no_request_is_lost_and_no_user_moves(drill: Callable[[Load], Coroutine[None, None, str]]) -> None:
    assert asyncio.run(drill(LOAD))
