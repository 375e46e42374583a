"""The base of all envelopes."""

import abc


class BaseEnvelope(abc.ABC):
    """Wraps a handler's `handle`: opens the rows before it, and folds its results up after it."""

    context = None

    def __init__(self, handle_fn):
        self._handle_fn = handle_fn

    def handle(self, data, context):
        """The handler's results in the shape of the envelope; nothing is opened or folded where there is nothing."""
        self.context = context
        if data:
            data = self.parse_input(data)
        results = self._handle_fn(data, context)
        return self.format_output(results) if results else results

    @abc.abstractmethod
    def parse_input(self, data):
        """The handler's input for these rows."""

    @abc.abstractmethod
    def format_output(self, data):
        """The clients' responses for these results."""
