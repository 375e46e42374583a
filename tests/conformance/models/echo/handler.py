"""Tells the client in JSON what reached the handler."""

TRANSPORT = ("host", "user-agent", "accept", "accept-encoding", "connection", "content-length", "transfer-encoding")
SPELLINGS = ("X-Mixed-Case", "x-mixed-case", "X-MIXED-CASE")


def shape(value):
    kind = type(value).__name__
    if isinstance(value, str):
        return {"type": kind, "length": len(value), "value": value[:200]}
    if isinstance(value, bytes | bytearray):
        return {"type": kind, "length": len(value), "latin1": value[:200].decode("latin-1")}
    return {"type": kind, "value": value}


def as_seen_at_load(context):
    return {
        "model_name": context.model_name,
        "manifest_keys": sorted(context.manifest),
        "model_keys": sorted(context.manifest["model"]),
        "yaml": context.model_yaml_config,
        "request_ids": False if context.request_ids is None else type(context.request_ids).__name__,
    }


def as_seen_now(context, at_load):
    return {
        "properties": {**context.system_properties, "model_dir": bool(context.system_properties["model_dir"])},
        "at_load": at_load,
        "request_ids": [type(number).__name__ for number in context.request_ids],
    }


class Echo:
    def initialize(self, context):
        self.at_load = as_seen_at_load(context)

    def handle(self, data, context):
        return [self.answer(number, data, context) for number in range(len(data))]

    def answer(self, number, data, context):
        row, headers = data[number], context.get_all_request_header(number)
        answer = {
            "batch": len(data),
            "row_type": type(row).__name__,
            "row": {name: shape(value) for name, value in row.items()},
            "headers": {name: headers[name] for name in sorted(headers) if name.lower() not in TRANSPORT},
            "request_id_type": type(context.get_request_id(number)).__name__,
        }
        asked = context.get_request_header(number, "X-Ask")
        if asked == "headers-by-case":
            answer["lookups"] = {name: context.get_request_header(number, name) for name in SPELLINGS}
        if asked == "context":
            answer["context"] = as_seen_now(context, self.at_load)
        return answer
