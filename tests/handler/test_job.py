"""Jobs: their times and their state."""

from time import monotonic

from handler.job import Input, Job


def test_a_job_knows_when_it_arrived_and_prints_its_state() -> None:
    before = monotonic()
    job = Job(Input(()), "id", sequence="a")
    assert before <= job.arrived_at <= monotonic()
    assert (job.taken_at, job.exclusive, job.continued, job.sequence, repr(job)) == (0, False, False, "a", "<Job id>")
    job.cancelled = True
    assert repr(job) == "<Job id, cancelled>"


def test_header_names_have_the_clients_spelling_unless_it_is_lost() -> None:
    assert Input(()).case_preserved
