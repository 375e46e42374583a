"""Verdicts, steadiness and latencies of requests that are sent to two servers."""

from http.server import BaseHTTPRequestHandler
from itertools import count

from app.commands.compare.comparison import Comparison, compare, median_latency
from app.commands.compare.differences import Rule
from app.commands.http_client import HttpClient, Response
from app.commands.sample_requests import Sample
from tests.support.http_servers import Respond, answering, hang_up, listening, unused_address

SAMPLE = Sample("here", "GET", "/", {})


def compared(baseline: Respond, candidate: Respond, repeat: int = 1) -> Comparison:
    with listening(baseline) as one, listening(candidate) as other:
        return compare(SAMPLE, HttpClient(one), HttpClient(other), Rule(), repeat)


def test_equal_responses_are_kept_without_their_bodies() -> None:
    comparison = compared(answering(1), answering(1))
    assert (comparison.verdict, comparison.is_unreachable) == ("equal", False)
    assert isinstance(comparison.worst.baseline, Response)
    assert comparison.worst.baseline.body == b""
    assert (median_latency([comparison], "candidate") or 0) > 0


def test_a_failure_is_worse_than_a_difference() -> None:
    numbers = count()

    def respond(request: BaseHTTPRequestHandler, body: bytes) -> None:
        (answering(2), hang_up, answering(1))[next(numbers)](request, body)

    comparison = compared(answering(1), respond, repeat=3)
    assert [each.verdict for each in comparison.rounds] == ["different", "failed", "equal"]
    assert (comparison.verdict, comparison.is_steady, comparison.is_unreachable) == ("failed", True, False)


def test_a_baseline_that_disagrees_with_itself_is_not_steady() -> None:
    numbers = count()

    def respond(request: BaseHTTPRequestHandler, body: bytes) -> None:
        answering(next(numbers))(request, body)

    assert not compared(respond, answering(1), repeat=2).is_steady


def test_a_server_that_is_not_there_is_unreachable() -> None:
    with listening(answering(1)) as one:
        comparison = compare(SAMPLE, HttpClient(one), HttpClient(unused_address()), Rule())
    assert comparison.is_unreachable
    assert median_latency([comparison], "candidate") is None
