"""The inputs by which a model learns about sequences.

The rules and their words are those of `ValidateModelConfig` in Triton's core, which goes through the kinds of controls.
"""

from collections.abc import Sequence
from typing import Any

from handler.tensors.datatypes import BY_NAME
from model_registry.tensors.sequence_checks import Control
from model_registry.triton.config.config_forms import InvalidConfig
from model_registry.triton.config.datatypes import datatype_in

KINDS = ("START", "READY", "END", "CORRID")
"""By their numbers."""
VALUES = {"INT32": "int32_false_true", "FP32": "fp32_false_true", "BOOL": "bool_false_true"}
CORRELATION_TYPES = ("UINT64", "INT64", "UINT32", "INT32", "BYTES")


def check_controls(config: Any) -> None:
    """Raise InvalidConfig for controls that say too little or too much."""
    entries = config.sequence_batching.control_input
    if not all(entry.name for entry in entries):
        raise InvalidConfig(f"sequence batching control tensor must have a name for {config.name}")
    for number, kind in enumerate(KINDS):
        controls = [control for entry in entries for control in entry.control if control.kind == number]
        if len(controls) > 1:
            raise InvalidConfig(
                f"sequence batching specifies multiple CONTROL_SEQUENCE_{kind} tensors for {config.name}"
            )
        for control in controls:
            _check_control(config, kind, control)


def controls_of(config: Any) -> Sequence[Control]:
    """The controls of a configuration that has been checked."""
    return [
        _control(config, entry.name, each) for entry in config.sequence_batching.control_input for each in entry.control
    ]


def _check_control(config: Any, kind: str, control: Any) -> None:
    about = f"CONTROL_SEQUENCE_{kind} for {config.name}"
    given = [field for field in VALUES.values() if len(getattr(control, field))]
    *first, last = [f"'{field}'" for field in VALUES.values()]
    if kind == "CORRID":
        datatype = datatype_in(config, control)
        if given:
            raise InvalidConfig(f"sequence batching must not specify either {', '.join(first)} or {last} for {about}")
        if datatype is None or datatype.name not in CORRELATION_TYPES:
            raise InvalidConfig(
                f"unexpected data type for control {about}. Allowed data types are TYPE_UINT64, TYPE_INT64, "
                "TYPE_UINT32, TYPE_INT32 and TYPE_STRING"
            )
        return
    if not given:
        raise InvalidConfig(f"sequence batching must specify either {', '.join(first)} or {last} for {about}")
    if len(given) > 1:
        raise InvalidConfig(f"sequence batching specifies more than one from {', '.join(first)} and {last} for {about}")
    if len(getattr(control, given[0])) != len((False, True)):
        raise InvalidConfig(f"sequence batching control '{given[0]}' must have exactly 2 entries for {about}")


def _control(config: Any, name: str, control: Any) -> Control:
    kind = KINDS[control.kind]
    if kind == "CORRID":
        datatype = datatype_in(config, control)
        assert datatype is not None
        return Control(name, kind, datatype)
    ((datatype_name, field),) = [pair for pair in VALUES.items() if len(getattr(control, pair[1]))]
    return Control(name, kind, BY_NAME[datatype_name], tuple(getattr(control, field)))
