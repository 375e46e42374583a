"""The context that handlers get: ts.context."""

import copy
import threading

import pytest
from ts.context import Context, RequestProcessor


@pytest.fixture
def context():
    """A context before its first batch."""
    return Context("shapes", "/models/shapes", {"model": {}}, 4, None, "0.12.0", metrics="metrics")


@pytest.fixture
def busy(context):
    """A context with a batch of two requests."""
    context.request_ids = {0: "first", 1: "second"}
    context.request_processor = [RequestProcessor({"X-Key": "7"}), RequestProcessor({})]
    return context


def test_system_properties_are_a_plain_dict_of_six(context):
    assert type(context.system_properties) is dict
    assert context.system_properties == {
        "model_dir": "/models/shapes",
        "gpu_id": None,
        "batch_size": 4,
        "server_name": "MMS",
        "server_version": "0.12.0",
        "limit_max_image_pixels": True,
    }


def test_what_stands_in_a_new_context(context):
    assert context.model_name == "shapes"
    assert context.manifest == {"model": {}}
    assert context.metrics == "metrics"
    assert context.model_yaml_config is None
    assert context.request_ids is None
    assert context.stopping_criteria is None
    assert context.header_key_sequence_id == "ts_request_sequence_id"
    assert context.header_key_sequence_start == "ts_request_sequence_start"
    assert context.header_key_sequence_end == "ts_request_sequence_end"


def test_the_environment_renames_the_sequence_headers(monkeypatch):
    monkeypatch.setenv("TS_REQUEST_SEQUENCE_ID", "sid")
    assert Context("m", "/d", {}, 1, None, "0.12.0").header_key_sequence_id == "sid"


def test_before_the_first_batch_there_is_no_request_id(context):
    assert context.get_request_id() is None


@pytest.mark.parametrize(
    "ask",
    [
        lambda context: context.get_request_header(0, "X-Key"),
        lambda context: context.get_all_request_header(0),
        lambda context: context.get_response_headers(0),
        lambda context: context.get_response_status(0),
        lambda context: context.get_sequence_id(0),
        lambda context: context.set_response_header(0, "a", "b"),
        lambda context: context.set_all_response_status(400),
    ],
)
def test_before_the_first_batch_requests_raise_type_error(context, ask):
    with pytest.raises(TypeError, match="NoneType"):
        ask(context)


def test_before_the_first_batch_a_status_goes_nowhere(context):
    context.set_response_status(418, "teapot")
    assert context.request_processor is None


def test_request_ids_are_found_by_index(busy):
    assert [busy.get_request_id(), busy.get_request_id(1), busy.get_request_id(2)] == ["first", "second", None]


def test_request_headers_are_looked_up_by_the_mapping_itself(busy):
    class Folding(dict):
        def get(self, key, default=None):
            return super().get(key.lower(), default)

    busy.request_processor = [RequestProcessor(Folding({"x-key": "7"}))]
    assert busy.get_request_header(0, "X-KEY") == "7"
    assert busy.get_request_header(0, "Other") is None


def test_all_request_headers_are_the_live_mapping(busy):
    assert busy.get_all_request_header(0) is busy.request_processor[0].get_request_properties()
    assert busy.get_all_request_header(0) == {"X-Key": "7"}


def test_a_row_that_is_not_there_raises_index_error(busy):
    with pytest.raises(IndexError):
        busy.get_request_header(2, "X-Key")
    with pytest.raises(IndexError):
        busy.set_response_status(418, "teapot", 2)


def test_status_and_headers_belong_to_one_row(busy):
    busy.set_response_status(418, "teapot", 0)
    busy.set_response_content_type(0, "text/plain")
    busy.set_response_header(0, "A", "b")
    assert busy.get_response_status(0) == (418, "teapot")
    assert busy.get_response_headers(0) == {"content-type": "text/plain", "A": "b"}
    assert busy.get_response_content_type(0) == "text/plain"
    assert busy.get_response_status(1) == (200, None)
    assert busy.get_response_headers(1) == {}
    assert busy.get_response_content_type(1) is None


def test_a_status_for_all_rows_has_an_empty_phrase_by_default(busy):
    busy.set_all_response_status(419)
    assert [busy.get_response_status(index) for index in (0, 1)] == [(419, ""), (419, "")]


def test_the_sequence_id_is_a_header(busy):
    busy.request_processor[1] = RequestProcessor({"ts_request_sequence_id": "s-1"})
    assert [busy.get_sequence_id(0), busy.get_sequence_id(1)] == [None, "s-1"]


def test_handlers_may_hang_attributes_of_their_own_on_it(context):
    context.cache = {"a": 1}
    assert context.cache == {"a": 1}


def test_contexts_are_compared_by_value_and_have_no_hash():
    first, second = (Context("m", "/d", {}, 1, None, "0.12.0") for _ in range(2))
    assert first == second
    assert first != "m"
    second.cache = 1
    assert first != second
    with pytest.raises(TypeError, match="unhashable"):
        hash(first)


def test_a_deep_copy_shares_only_the_way_to_the_client(busy):
    """The sender of chunks holds locks and sockets, which cannot be copied."""

    class Connection:
        def __init__(self):
            self.lock = threading.Lock()

        def send(self, index, piece):
            pass

    busy.send_piece = Connection().send
    twin = copy.deepcopy(busy)
    assert twin.send_piece == busy.send_piece
    assert twin.manifest == busy.manifest
    assert twin.manifest is not busy.manifest
    assert twin.request_ids == {0: "first", 1: "second"}


def test_a_processor_starts_with_200_and_no_phrase():
    processor = RequestProcessor({"A": "1"})
    assert processor.get_request_property("A") == "1"
    assert processor.get_request_property("B") is None
    assert (processor.get_response_status_code(), processor.get_response_status_phrase()) == (200, None)
    assert processor.get_response_header("A") is None


def test_what_a_context_and_a_processor_print(busy):
    assert repr(busy) == "<Context of shapes, 2 requests>"
    assert repr(busy.request_processor[0]) == "<RequestProcessor 200, 1 headers>"
