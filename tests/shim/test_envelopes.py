"""Envelopes: ts.torch_handler.request_envelope."""

import base64
import json

import numpy as np
import pytest
import torch
from ts.context import Context, RequestProcessor
from ts.torch_handler.request_envelope.body import BodyEnvelope
from ts.torch_handler.request_envelope.json import JSONEnvelope
from ts.torch_handler.request_envelope.kserve import KServeEnvelope
from ts.torch_handler.request_envelope.kservev2 import KServev2Envelope

HEY = base64.b64encode(b"hey").decode()


def make_context(**headers):
    """A context with a batch of one."""
    context = Context("m", "/d", {"model": {"modelName": "m", "modelVersion": "1.0"}}, 1, None, "0.12.0")
    context.request_ids = {0: "id-0"}
    context.request_processor = [RequestProcessor(headers)]
    return context


def sent(envelope, rows, answer=None, **headers):
    """The rows that the handler sees, and the answer that clients see (by default the same)."""
    seen = []

    def handle(data, context):
        seen.append(data)
        return data if answer is None else answer

    result = envelope(handle).handle(rows, make_context(**headers))
    return seen[0], result


@pytest.mark.parametrize(
    ("rows", "seen"),
    [
        ([{"body": 1}, {"data": 2, "body": 3}], [1, 2]),
        ([{"data": 0, "body": 5}], [5]),
        ([{"other": 1}], [None]),
        ([], []),
        (None, None),
    ],
)
def test_body_hands_over_bodies_and_leaves_results_alone(rows, seen):
    assert sent(BodyEnvelope, rows) == (seen, seen)


def test_json_joins_instances_and_deals_predictions_out_again():
    rows = [{"body": {"instances": [1, 2]}}, {"data": {"instances": [3]}}]
    assert sent(JSONEnvelope, rows) == ([1, 2, 3], ['{"predictions": [1, 2]}', '{"predictions": [3]}'])


@pytest.mark.parametrize(
    ("row", "seen"),
    [
        ({"instances": [1]}, [1]),
        ({"body": {"instances": [{"b64": HEY}]}}, [b"hey"]),
        ({"body": {"instances": [{"image": {"b64": HEY}, "n": 1}]}}, [{"image": b"hey", "n": 1}]),
        ({"body": {"instances": [{"b64": HEY, "n": 1}]}}, [{"b64": HEY, "n": 1}]),
        ({"body": {"instances": [1, {"b64": HEY}]}}, [1, {"b64": HEY}]),
    ],
)
def test_json_opens_base64_of_instances_that_are_dicts(row, seen):
    assert sent(JSONEnvelope, [row], answer=[0] * len(seen)) == (seen, [json.dumps({"predictions": [0] * len(seen)})])


@pytest.mark.parametrize(
    ("body", "error"),
    [
        ({"x": [1]}, KeyError),
        ({"instances": []}, IndexError),
        ("text", TypeError),
        (bytearray(b'{"instances": [1]}'), TypeError),
        (None, KeyError),
    ],
)
def test_json_refuses_bodies_without_instances(body, error):
    with pytest.raises(error):
        sent(JSONEnvelope, [{"body": body}])


def test_json_passes_over_predictions_that_nobody_asked_for():
    rows = [{"body": {"instances": [1, 2]}}]
    assert sent(JSONEnvelope, rows, answer=[7, 8, 9])[1] == ['{"predictions": [7, 8]}']
    assert sent(JSONEnvelope, rows, answer=[7])[1] == ['{"predictions": [7]}']


@pytest.mark.parametrize("body", [{"instances": [1, 2]}, b'{"instances": [1, 2]}', bytearray(b'{"instances": [1, 2]}')])
def test_kserve_hands_over_the_first_requests_instances(body):
    rows = [{"body": body}, {"body": {"instances": [3]}}]
    assert sent(KServeEnvelope, rows) == ([1, 2], [{"predictions": [1, 2]}])


@pytest.mark.parametrize(("explain", "key"), [("True", "explanations"), ("False", "predictions")])
def test_kserve_tells_explanations_from_predictions(explain, key):
    assert sent(KServeEnvelope, [{"data": {"instances": [1]}}], explain=explain)[1] == [{key: [1]}]


def test_kserve_keeps_a_dict_whole_and_passes_nothing_on():
    assert sent(KServeEnvelope, [{"body": {"instances": [1]}}], answer={"a": 1})[1] == [{"predictions": {"a": 1}}]
    assert sent(KServeEnvelope, [{"body": {"x": 1}}]) == (None, None)
    with pytest.raises(json.JSONDecodeError):
        sent(KServeEnvelope, [{"body": b"no json"}])


def ask(name="i", shape=(2,), datatype="INT32", data=(1, 2), **more):
    """A request of version 2 with one input."""
    return {"inputs": [{"name": name, "shape": list(shape), "datatype": datatype, "data": list(data)}], **more}


@pytest.mark.parametrize("wrap", [dict, lambda body: bytearray(json.dumps(body).encode())])
def test_kservev2_shapes_inputs_and_names_outputs_after_them(wrap):
    body = wrap(ask(shape=(2, 2), datatype="FP32", data=(1, 2, 3, 4), id="mine"))
    seen, answer = sent(KServev2Envelope, [{"body": body}], answer=[np.array([[1.5, 2]], dtype=np.float32)])
    assert seen == [{"name": "i", "shape": [2, 2], "datatype": "FP32", "data": [[1, 2], [3, 4]]}]
    assert answer == [
        {
            "id": "mine",
            "model_name": "m",
            "model_version": "1.0",
            "outputs": [{"name": "i", "datatype": "FP32", "data": [1.5, 2.0], "shape": (2,)}],
        }
    ]


@pytest.mark.parametrize(
    ("result", "datatype", "data"),
    [
        ([1, 2], "INT64", [1, 2]),
        ([1.5], "FP64", [1.5]),
        ([True], "BOOL", [True]),
        ("abc", "BYTES", ["abc"]),
        ([{"a": 1}], "BYTES", [{"a": 1}]),
        (7, "INT64", [7]),
        (np.zeros(2, np.float16), "FP16", [0.0, 0.0]),
        (np.zeros(1, np.uint8), "UINT8", [0]),
        (torch.tensor([1.0, 2.0]), "FP32", [1.0, 2.0]),
    ],
)
def test_kservev2_names_the_type_of_each_output(result, datatype, data):
    (answer,) = sent(KServev2Envelope, [{"body": ask()}], answer=[result])[1]
    assert answer["id"] == "id-0"
    assert answer["outputs"] == [{"name": "i", "datatype": datatype, "data": data, "shape": (len(data),)}]


def test_kservev2_takes_the_first_text_of_an_input():
    assert sent(KServev2Envelope, [{"body": ask(datatype="BYTES", data=("a", "b"))}], answer=[[1]])[0][0]["data"] == "a"


@pytest.mark.parametrize(
    ("body", "error"),
    [
        ({}, KeyError),
        ({"inputs": [{"shape": [1], "datatype": "INT32", "data": [1]}]}, KeyError),
        ({"inputs": [{"name": "i", "shape": [1], "datatype": "INT32"}]}, KeyError),
        (ask(shape=(3,)), ValueError),
    ],
)
def test_kservev2_refuses_incomplete_inputs(body, error):
    with pytest.raises(error):
        sent(KServev2Envelope, [{"body": body}])


@pytest.mark.parametrize("result", [[b"x"], [1 + 2j]])
def test_kservev2_has_no_name_for_some_types(result):
    with pytest.raises(KeyError):
        sent(KServev2Envelope, [{"body": ask()}], answer=[result])


def test_kservev2_forgets_a_request_that_failed():
    """In TorchServe the next request without an id is answered under the failed one's."""
    context = make_context()
    results = iter([None, [[1]]])
    envelope = KServev2Envelope(lambda data, context: next(results))
    envelope.handle([{"body": ask(id="old")}], context)
    assert envelope.handle([{"body": ask()}], context)[0]["id"] == "id-0"
    assert not hasattr(context, "input_names")
