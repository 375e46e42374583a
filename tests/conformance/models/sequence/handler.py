"""Counts the requests of each sequence, and says what the server told about it."""


class Sequence:
    def initialize(self, context):
        self.counts = {}

    def handle(self, data, context):
        return [self.count(index, context) for index in range(len(data))]

    def count(self, index, context):
        name = context.get_sequence_id(index)
        start, end = (context.get_request_header(index, f"ts_request_sequence_{mark}") for mark in ("start", "end"))
        if start == "true":
            self.counts[name] = 0
        self.counts[name] = self.counts.get(name, 100) + 1
        context.set_response_header(index, "ts_request_sequence_id", name)
        return {"sequence": name, "count": self.counts[name], "start": start, "end": end}
