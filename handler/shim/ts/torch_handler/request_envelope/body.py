"""The envelope `body`: hands over the bodies alone."""

from ts.torch_handler.request_envelope.base import BaseEnvelope


class BodyEnvelope(BaseEnvelope):
    """The handler gets a list of bodies instead of rows."""

    def parse_input(self, data):
        """The `data` or `body` of each row."""
        return [row.get("data") or row.get("body") for row in data]

    def format_output(self, data):
        """The results as they are."""
        return data
