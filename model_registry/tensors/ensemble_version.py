"""One version of an ensemble: it has no workers, only steps."""

from time import perf_counter_ns
from typing import Any

from handler.batching.batcher import Batcher
from handler.metrics.model_metrics import ModelMetrics
from handler.tensors.errors import Code, TensorError
from handler.tensors.requests import Parameter, TensorRequest, TensorResponse
from handler.tensors.spec import OnResponse
from handler.tensors.statistics import ComputeTimes, Failure, RequestTimes
from model_registry.config import ModelConfig
from model_registry.errors import TensorsWanted
from model_registry.served_version import ServedVersion
from model_registry.tensors.ensemble_run import EnsemblePlan, EnsembleRun
from model_registry.tensors.tensor_version import TensorModel

SEQUENCE_PARAMETERS: dict[str, Parameter] = {"sequence_id": 0, "sequence_start": False, "sequence_end": False}
"""Triton sends them with every response of an ensemble."""


class EnsembleVersion(ServedVersion):
    """Serves one version of an ensemble, from its load until it is closed."""

    def __init__(self, model: TensorModel, plan: EnsemblePlan, config: ModelConfig, metrics: ModelMetrics) -> None:
        super().__init__(
            model.name, model.version, config, Batcher(1, 0.0, 1), _no_workers, metrics, is_paced=False
        )  # fmt: skip
        self.model = model
        self.archive = model.archive
        self._plan = plan
        self._runs: set[EnsembleRun] = set()
        self._is_open = True

    def submit_tensors(self, request: TensorRequest, on_response: OnResponse) -> EnsembleRun:
        """Accept a request; its responses come to the function, on the event loop. Raises TensorError."""
        checked = self.model.signature.check(request)
        if not self._is_open:
            raise TensorError(f"ensemble '{self.name}' takes no more requests", Code.UNAVAILABLE)
        started = perf_counter_ns()

        def answer(response: TensorResponse, is_final: bool) -> None:
            if response.error is None and not response.is_empty:
                response = response._replace(parameters=SEQUENCE_PARAMETERS)
            on_response(response, is_final)

        def end(error: TensorError | None) -> None:
            self._runs.discard(run)
            self._count(checked, error, perf_counter_ns() - started)
            self._check_drained()

        run = EnsembleRun(self._plan, checked, answer, end)
        self._runs.add(run)
        self.metrics.record_request("default")
        run.start()
        return run

    def submit(self, *request: Any, **options: Any) -> Any:
        """Raises TensorsWanted: a request of this model is made of tensors."""
        raise TensorsWanted(self.name)

    predict = submit

    def early_refusal(self, label: str = "default") -> None:
        """None: what is no request of tensors is refused when it is there."""

    def use_processes(self) -> None:
        """Do nothing: there are no workers."""

    async def drain(self, seconds: float) -> bool:
        """Accept no more requests and answer the accepted ones; false if some were still open after `seconds`."""
        self._is_open = False
        return await super().drain(seconds)

    @property
    def is_ready(self) -> bool:
        """Whether it takes requests, which the workers of other models serve."""
        return self._is_open

    @property
    def _is_idle(self) -> bool:
        return not self._runs

    def _count(self, request: TensorRequest, error: TensorError | None, nanoseconds: int) -> None:
        statistics = self.model.statistics
        if error is not None:
            statistics.count_failure(Failure.OTHER, nanoseconds)
            return
        # All is computing here, but perf_analyzer wants every counter to move.
        statistics.count_execution([RequestTimes(1, nanoseconds)], request.rows, ComputeTimes(1, nanoseconds, 1))

    def _refusal(self, job: Any) -> Exception:
        return TensorError(f"ensemble '{self.name}' has no queue")


def _no_workers(index: int) -> Any:
    raise NotImplementedError("an ensemble has no workers")
