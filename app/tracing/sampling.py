"""The decision whether a request is traced: the standard samplers of OTEL_TRACES_SAMPLER, for a microsecond."""

from collections.abc import Mapping

from app.tracing.trace_context import TraceContext
from handler.server_random import RANDOM

TRACE_ID_LIMIT = 1 << 64
"""The lower 8 bytes of a trace id are compared with a ratio of this, as the SDKs do."""
RATIOS = {"always_on": 1.0, "always_off": 0.0}
SAMPLERS = ("always_on", "always_off", "traceidratio")


class InvalidVariable(ValueError):
    """An OTEL_* variable has a value that cannot be used."""


class Sampler:
    """Samples a `ratio` of the traces; `is_parent_based`: a caller that has decided is followed."""

    def __init__(self, ratio: float, *, is_parent_based: bool) -> None:
        self.ratio = ratio
        self._is_parent_based = is_parent_based
        self._bound = round(ratio * TRACE_ID_LIMIT)

    def __repr__(self) -> str:
        return f"<Sampler {self.ratio:g}{', parent based' if self._is_parent_based else ''}>"

    @classmethod
    def of_environment(cls, environ: Mapping[str, str]) -> "Sampler":
        """The sampler of OTEL_TRACES_SAMPLER and OTEL_TRACES_SAMPLER_ARG; raises InvalidVariable."""
        name = environ.get("OTEL_TRACES_SAMPLER", "parentbased_always_on").strip().lower()
        kind = name.removeprefix("parentbased_")
        if kind not in SAMPLERS:
            raise InvalidVariable(
                f"OTEL_TRACES_SAMPLER={name}: it must be one of {', '.join(SAMPLERS)}, or parentbased_ and one of these"
            )
        text = environ.get("OTEL_TRACES_SAMPLER_ARG", "1.0") if kind == "traceidratio" else RATIOS[kind]
        try:
            ratio = float(text)
        except ValueError:
            ratio = -1.0
        if not 0 <= ratio <= 1:
            raise InvalidVariable(f"OTEL_TRACES_SAMPLER_ARG={text}: it must be a number from 0 to 1")
        return cls(ratio, is_parent_based=name != kind)

    def new_trace_id(self) -> int | None:
        """The id of a trace that begins here; None where it is not sampled."""
        if RANDOM.random() >= self.ratio:
            return None
        return RANDOM.getrandbits(64) << 64 | RANDOM.randrange(max(1, self._bound)) or 1

    def samples(self, parent: TraceContext) -> bool:
        """Whether a request of that caller is traced."""
        return parent.is_sampled if self._is_parent_based else parent.trace_id % TRACE_ID_LIMIT < self._bound
