"""The functions before, between and after the models of the workflows."""

import json


def readable(row):
    """In a fixed order: that of parts from several nodes is by chance."""
    return {name: row[name].decode() if isinstance(row[name], bytearray) else row[name] for name in sorted(row)}


def before(data, context):
    return data and [json.dumps({"before": readable(row)}) for row in data]


def after(data, context):
    return data and [{"after": readable(row)} for row in data]


def also(data, context):
    return data and [{"also": readable(row), "nothing": None, "number": 1.0, "list": []} for row in data]


def broken(data, context):
    if data:
        raise ValueError("It never works.")


def hurt(data, context):
    if data:
        context.set_response_status(code=500, phrase="ouch")
        context.set_response_content_type(0, "text/plain")
    return data and ["ouch"] * len(data)
