"""Jobs and outcomes as plain values."""

import os

import pytest

from handler.job import Input, Job, Output, Part
from tests.support.process_service import Make


@pytest.mark.parametrize("size", [5 << 20, 200_000, 70_000])
def test_large_bodies_and_answers_arrive_whole(make: Make, size: int) -> None:
    remote = make("def handle(data, context):\n    return data and [bytes(row['body'][::-1]) for row in data]")
    bodies = [os.urandom(size) for _ in range(3)]
    jobs = [Job(Input((Part("body", "", body),)), "id") for body in bodies]
    outcomes = remote.service.predict(jobs, lambda answers: None, concurrent=False)
    assert [outcome.body[::-1] for outcome in outcomes if isinstance(outcome, Output)] == bodies


def test_statuses_that_are_no_plain_numbers_arrive_as_numbers(make: Make) -> None:
    source = """
        import enum, http
        from ts.utils.util import PredictionException
        class Text(str):
            pass
        def handle(data, context):
            if data and data[0]["body"] == "raise":
                raise PredictionException(Text("no"), http.HTTPStatus.NOT_FOUND)
            if data:
                context.set_response_status(http.HTTPStatus.CREATED, Text("made"), 0)
                context.set_response_header(0, "x-one", Text("1"))
                return ["x"]
    """
    remote = make(source)
    job = Job(Input((Part("body", "text/plain", b"x"),)), "id")
    assert remote.service.predict([job], lambda answers: None, concurrent=False) == [
        Output(b"x", 201, "made", (("x-one", "1"),))
    ]
    (error,) = remote.ask("raise")
    assert (error.message, error.code) == ("no", 404)
