"""Doubles the numbers that an envelope hands over, and tells the types of all else."""


class Envelope:
    def initialize(self, context):
        self.initialized = True

    def handle(self, data, context):
        if context.get_request_header(0, "explain") == "True":
            return [{"explained": type(row).__name__} for row in data]
        return [answer(row) for row in data]


def answer(row):
    if isinstance(row, (int, float)):
        return row * 2
    if isinstance(row, dict) and isinstance(row.get("data"), list):
        return [value * 2 for value in row["data"]]
    if isinstance(row, (bytes, bytearray)):
        return {"bytes": bytes(row).decode("latin-1")}
    return {"type": type(row).__name__, "value": row}
