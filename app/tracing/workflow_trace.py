"""The trace of a request to a workflow: a span for each call of a node, with the phases of its prediction."""

from collections.abc import Iterator
from contextlib import contextmanager

from app.tracing.request_trace import RequestTrace
from handler.job import Input, Output


class WorkflowTrace(RequestTrace):
    """Makes the traces of a workflow's nodes."""

    @contextmanager
    def finishing(self) -> Iterator[None]:
        """Export the span of the request when the block ends, with its error if it raises."""
        try:
            yield
        except Exception as error:
            self.on_outcome(error)
            raise
        self.on_outcome(Output(b""))

    def observe_node(self, node: str, row: Input) -> Input:
        """The request to a node, with a trace below this one."""
        attributes = {"marserve.workflow.node": node}
        trace = RequestTrace(
            f"node {node}", self.context.trace_id, self.context, attributes, self._export, kind="INTERNAL"
        )
        return trace.observed(row)
