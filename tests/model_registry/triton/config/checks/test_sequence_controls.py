"""Controls of sequences."""

import re

import pytest

from handler.tensors.datatypes import BY_NAME
from model_registry.tensors.sequence_checks import Control
from model_registry.triton.config.checks.sequence_controls import check_controls, controls_of
from model_registry.triton.config.config_forms import InvalidConfig, config_of_text

START = "control { kind: CONTROL_SEQUENCE_START int32_false_true: [ 0, 1 ] }"
VALUES = "'int32_false_true', 'fp32_false_true'"


def config_with(*controls: str) -> object:
    entries = " ".join(f'control_input {{ name: "C{number}" {each} }}' for number, each in enumerate(controls))
    return config_of_text(f'name: "m" sequence_batching {{ {entries} }}')


def test_controls_are_read_by_kind() -> None:
    config = config_with(
        f"{START} control {{ kind: CONTROL_SEQUENCE_END bool_false_true: [ false, true ] }}",
        "", "control { kind: CONTROL_SEQUENCE_CORRID data_type: TYPE_UINT64 }",
    )  # fmt: skip
    check_controls(config)
    assert controls_of(config) == [
        Control("C0", "START", BY_NAME["INT32"], (0, 1)), Control("C0", "END", BY_NAME["BOOL"], (False, True)),
        Control("C2", "CORRID", BY_NAME["UINT64"]),
    ]  # fmt: skip


@pytest.mark.parametrize(("controls", "words"), [
    ((START, START), "sequence batching specifies multiple CONTROL_SEQUENCE_START tensors for m"),
    (("control { kind: CONTROL_SEQUENCE_END }",),
     f"sequence batching must specify either {VALUES} or 'bool_false_true' for CONTROL_SEQUENCE_END for m"),
    ((START.replace("}", "fp32_false_true: [ 0, 1 ] }"),),
     f"sequence batching specifies more than one from {VALUES} and 'bool_false_true' for CONTROL_SEQUENCE_START for m"),
    ((START.replace("0, 1", "0"),),
     "sequence batching control 'int32_false_true' must have exactly 2 entries for CONTROL_SEQUENCE_START for m"),
    ((START.replace("START", "CORRID"),),
     f"sequence batching must not specify either {VALUES} or 'bool_false_true' for CONTROL_SEQUENCE_CORRID for m"),
    (("control { kind: CONTROL_SEQUENCE_CORRID data_type: TYPE_FP32 }",),
     "unexpected data type for control CONTROL_SEQUENCE_CORRID for m. Allowed data types are TYPE_UINT64"),
])  # fmt: skip
def test_controls_say_neither_too_little_nor_too_much(controls: tuple[str, ...], words: str) -> None:
    with pytest.raises(InvalidConfig, match=re.escape(words)):
        check_controls(config_with(*controls))
