"""The envelope `kserve`: version 1 of KServe's protocol."""

import json

from ts.torch_handler.request_envelope.base import BaseEnvelope


class KServeEnvelope(BaseEnvelope):
    """The handler gets the first request's instances; others are passed over, so the batch size has to be 1."""

    def parse_input(self, data):
        """The list under "instances", from a dict or from JSON bytes."""
        body = data[0].get("data") or data[0].get("body")
        if isinstance(body, (bytes, bytearray)):
            body = json.loads(body)
        return body.get("instances")

    def format_output(self, data):
        """The results under "predictions", or under "explanations" where the request asks for one."""
        results = data if isinstance(data, dict) else list(data)
        return [{"explanations" if self._is_explain() else "predictions": results}]

    def _is_explain(self):
        return self.context.get_request_header(0, "explain") == "True"
