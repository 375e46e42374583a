"""Services in the old style: ts.model_service.model_service."""

import json

import pytest
from ts.context import Context
from ts.model_service.model_service import ModelService, SingleNodeService


class Echo(SingleNodeService):
    """Answers with its input."""

    answer = None

    def _inference(self, data):
        return data if self.answer is None else self.answer

    def ping(self):
        return True


@pytest.fixture
def service(tmp_path):
    """Make an initialized service whose signature names this type of input."""

    def make(input_type="application/json"):
        signature = {"input_type": input_type, "inputs": [{"data_name": "image"}]}
        (tmp_path / "signature.json").write_text(json.dumps(signature))
        service = Echo("m", str(tmp_path), {})
        service.initialize(Context("m", str(tmp_path), {"Model": {"Signature": "signature.json"}}, 1, None, "0.12.0"))
        return service

    return make


@pytest.mark.parametrize(
    ("row", "answer"),
    [
        ({"image": [1]}, [[1]]),
        ({"body": [2]}, [[2]]),
        ({"data": [3]}, [[3]]),
        ({"image": bytearray(b"[4, 'a']")}, [[4, "a"]]),
        ({}, [None]),
    ],
)
def test_the_first_row_is_answered_as_a_list(service, row, answer):
    assert service().handle([row, {"image": "never read"}], None) == answer


def test_bytes_stay_bytes_unless_the_signature_says_json(service):
    assert service("image/jpeg").handle([{"image": b"[4]"}], None) == [b"[4]"]


def test_an_answer_that_is_no_list_becomes_one(service):
    made = service()
    made.answer = "one"
    assert made.handle([{"image": 1}], None) == ["one"]


def test_the_signature_can_be_asked_for_and_has_to_be_there(service, tmp_path):
    assert service().signature()["input_type"] == "application/json"
    missing = Context("m", str(tmp_path), {"Model": {"Signature": "none.json"}}, 1, None, "0.12.0")
    with pytest.raises(ValueError, match="Signature file is not found"):
        Echo("m", str(tmp_path), {}).initialize(missing)


def test_a_service_needs_inference_and_ping():
    with pytest.raises(TypeError, match="abstract"):
        ModelService("m", "/d", {})
