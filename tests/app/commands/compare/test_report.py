"""The report on comparisons, for people and for machines."""

from app.commands.compare.comparison import Comparison, Round
from app.commands.compare.differences import Difference
from app.commands.compare.report import as_json, as_lines, summary
from app.commands.http_client import HttpClient, NoResponse, Response
from app.commands.sample_requests import Sample

OK, ERROR = Response(200, {}, b"", 0.002), Response(503, {}, b"", 0.004)
NUMBER = Difference("$[0]", "0.5", "0.75", 0.25)


def comparison(*rounds: Round, path: str = "/a", is_steady: bool = True) -> Comparison:
    return Comparison(Sample("requests:1", "GET", path, {}), rounds, is_steady)


def test_a_comparison_without_differences_has_no_lines() -> None:
    assert list(as_lines(comparison(Round(OK, OK)))) == []


def test_a_comparison_shows_its_first_worst_round() -> None:
    lines = list(as_lines(comparison(Round(OK, OK), Round(OK, ERROR, [NUMBER] * 14), is_steady=False)))
    assert lines[0] == "GET /a  (requests:1, 1 of 2 times)"
    assert lines[1].split() == ["$[0]", "0.5", "->", "0.75", "(off", "by", "0.25)"]
    assert lines[-2:] == [
        "  and 2 more; --json shows them all",
        "  the baseline itself answers differently from time to time",
    ]


def test_a_server_without_a_response_is_named() -> None:
    lines = list(as_lines(comparison(Round(OK, NoResponse(TimeoutError("timed out"))))))
    assert lines[1:] == ["  no answer of the candidate: TimeoutError: timed out"]


def test_the_summary_has_a_row_for_each_path_and_one_for_all() -> None:
    lines = list(summary([comparison(Round(OK, OK)), comparison(Round(OK, ERROR, [NUMBER]), path="/b")]))
    rows = [line.split() for line in lines[1:4]]
    assert rows[0] == ["GET", "/a", "1", "0", "0", "2.00", "ms", "2.00", "ms"]
    assert rows[1] == ["GET", "/b", "0", "1", "0", "2.00", "ms", "4.00", "ms"]
    assert rows[2][:4] == ["all", "1", "1", "0"]
    assert lines[4] == "Nothing but numbers differ, by 0.25 at most; see --tolerance."


def test_the_summary_counts_equal_errors() -> None:
    assert list(summary([comparison(Round(ERROR, ERROR))]))[-1] == "1 of the equal answers are 503 on both servers."


def test_machines_get_verdicts_outcomes_and_differences() -> None:
    found = as_json(
        [comparison(Round(OK, NoResponse(OSError("gone"))))], HttpClient("http://a"), HttpClient("http://b")
    )
    assert (found["equal"], found["failed"], found["candidate"]["latency"]) == (0, 1, None)
    assert found["requests"][0]["candidate"] == {"failure": "OSError: gone"}
    assert found["requests"][0]["baseline"] == {"status": 200, "latency": 0.002}
