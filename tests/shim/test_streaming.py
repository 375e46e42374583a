"""Streaming and classes by name: ts.handler_utils.utils."""

import json

import pytest
from ts.context import Context, RequestProcessor
from ts.handler_utils.utils import import_class, send_intermediate_predict_response
from ts.protocol import otf_message_handler

DONE = "Intermediate Prediction success"


@pytest.fixture
def context():
    """A context with a batch of two, which keeps the pieces that it is given in `sent`."""
    context = Context("m", "/d", {}, 2, None, "0.12.0")
    context.request_ids = {0: "first", 1: "second"}
    context.request_processor = [RequestProcessor({}), RequestProcessor({})]
    context.sent = []
    context.send_piece = lambda index, piece: context.sent.append(
        (index, piece, dict(context.get_response_headers(index)))
    )
    return context


def test_each_row_gets_its_piece_after_its_header_was_set(context):
    send_intermediate_predict_response(["a", {"b": 1}], context.request_ids, DONE, 200, context)
    assert context.sent == [(0, "a", {"ts_stream_next": "true"}), (1, {"b": 1}, {"ts_stream_next": "true"})]


def test_some_rows_of_a_batch_can_be_sent_from_a_dict(context):
    send_intermediate_predict_response({1: "z"}, {1: "second"}, DONE, 200, context)
    assert [piece[:2] for piece in context.sent] == [(1, "z")]
    assert context.get_response_headers(0) == {}


def test_too_few_pieces_raise_before_anything_is_sent(context):
    with pytest.raises(IndexError):
        send_intermediate_predict_response(["a"], context.request_ids, DONE, 200, context)
    assert context.sent == []


@pytest.mark.parametrize(("rank", "pieces"), [("0", 1), ("1", 0)])
def test_only_the_first_rank_of_a_distributed_model_sends(context, monkeypatch, rank, pieces):
    monkeypatch.setenv("LOCAL_RANK", rank)
    send_intermediate_predict_response(["a"], {0: "first"}, DONE, 200, context)
    assert len(context.sent) == pieces


def test_without_a_listener_pieces_vanish(context):
    context.send_piece = None
    send_intermediate_predict_response(["a"], {0: "first"}, DONE, 200, context)
    assert context.get_response_headers(0) == {"ts_stream_next": "true"}


def test_without_a_context_nothing_happens():
    assert send_intermediate_predict_response(["a"], {0: "first"}, DONE, 200) is None


def test_the_old_home_has_the_same_function():
    assert otf_message_handler.send_intermediate_predict_response is send_intermediate_predict_response


def test_classes_are_found_by_their_full_name_or_with_a_prefix():
    assert import_class("json.JSONEncoder") is json.JSONEncoder
    assert import_class("JSONEncoder", "json") is json.JSONEncoder
    assert import_class("encoder.JSONEncoder", "json") is json.JSONEncoder


@pytest.mark.parametrize(
    ("name", "complaint"),
    [
        ("JSONEncoder", "module name is not defined"),
        ("json.Nothing", "class:Nothing not found in module:json"),
        ("no_such_module.Thing", "No module named 'no_such_module'"),
    ],
)
def test_classes_that_cannot_be_found_raise_import_error(name, complaint):
    with pytest.raises(ImportError, match=complaint):
        import_class(name)
