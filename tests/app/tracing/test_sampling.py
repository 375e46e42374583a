"""The standard samplers."""

import pytest

from app.tracing.sampling import InvalidVariable, Sampler
from app.tracing.trace_context import TraceContext

ON, OFF = TraceContext((1 << 64) - 1, 1, True), TraceContext((1 << 64) - 1, 1, False)


def sampler(name: str = "", argument: str = "") -> Sampler:
    given = {"OTEL_TRACES_SAMPLER": name, "OTEL_TRACES_SAMPLER_ARG": argument}
    return Sampler.of_environment({key: value for key, value in given.items() if value})


def test_by_default_parents_are_followed_and_new_traces_sampled() -> None:
    default = sampler()
    assert default.new_trace_id() is not None
    assert default.samples(ON)
    assert not default.samples(OFF)


def test_a_ratio_is_kept_for_new_traces_and_by_trace_id_for_others() -> None:
    tenth = sampler("traceidratio", "0.1")
    ids = [each for each in (tenth.new_trace_id() for _ in range(10_000)) if each is not None]
    assert 800 < len(ids) < 1200
    assert all(tenth.samples(TraceContext(each, 1, False)) for each in ids)
    assert not tenth.samples(ON)
    assert sampler("parentbased_traceidratio", "0.1").samples(ON)


def test_none_and_all() -> None:
    assert sampler("always_off").new_trace_id() is None
    assert not sampler("always_off").samples(ON)
    assert sampler("always_on").samples(OFF)
    assert sampler("parentbased_always_off").samples(ON)


@pytest.mark.parametrize(("name", "argument"), [("jaeger_remote", ""), ("traceidratio", "2"), ("traceidratio", "some")])
def test_what_cannot_be_used_is_named(name: str, argument: str) -> None:
    with pytest.raises(InvalidVariable, match=argument or name):
        sampler(name, argument)
