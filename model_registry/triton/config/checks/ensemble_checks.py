"""Checks that the steps of an ensemble fit together; the words are those of Triton's core."""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from handler.tensors.errors import TensorError
from model_registry.triton.config.config_forms import InvalidConfig
from model_registry.triton.config.datatypes import datatype_in

ANY = -1


class _Use(NamedTuple):
    """One model's declaration of an ensemble's tensor."""

    model: str
    datatype: str
    shape: tuple[int, ...]


def check_steps(config: Any) -> None:
    """Raise InvalidConfig for an ensemble whose steps lack something, or do not lead to its outputs."""
    steps, name = config.ensemble_scheduling.step, config.name
    if not steps:
        raise InvalidConfig(f"must specify 'step' for ensemble '{name}'")
    for index, step in enumerate(steps):
        for attribute in ("model_name", "input_map", "output_map"):
            if not getattr(step, attribute):
                raise InvalidConfig(f"must specify '{attribute}' in step {index} of ensemble '{name}'")
    written = [tensor for step in steps for tensor in step.output_map.values()]
    twice = {tensor for tensor in written if written.count(tensor) > 1} | {one.name for one in config.input} & {
        *written
    }
    if twice:
        raise InvalidConfig(f"ensemble tensor '{min(twice)}' is written more than once in ensemble '{name}'")
    reached = _reached(config)
    for output in config.output:
        if output.name not in reached:
            raise InvalidConfig(f"output '{output.name}' for ensemble '{name}' is not written")


def _reached(config: Any) -> set[str]:
    """The tensors that come to be once the inputs are there."""
    tensors = {one.name for one in config.input}
    waiting = list(config.ensemble_scheduling.step)
    while ready := [step for step in waiting if tensors.issuperset(step.input_map.values())]:
        tensors.update(tensor for step in ready for tensor in step.output_map.values())
        waiting = [step for step in waiting if step not in ready]
    return tensors


def check_wiring(config: Any, models: Mapping[str, Any]) -> None:
    """Raise TensorError where an ensemble does not fit its models; `models` has the configurations that there are."""
    name, steps = config.name, config.ensemble_scheduling.step
    missing = list(dict.fromkeys(step.model_name for step in steps if step.model_name not in models))
    if missing:
        raise TensorError(f"ensemble {name} contains models that are not available or ambiguous: {', '.join(missing)}")
    tensors = {tensor.name: _use(config, tensor) for tensor in (*config.input, *config.output)}
    for step in steps:
        _check_step(config, step, models[step.model_name], tensors)


def _check_step(config: Any, step: Any, model: Any, tensors: dict[str, _Use]) -> None:
    name = config.name
    if config.max_batch_size > model.max_batch_size:
        raise TensorError(
            f"ensemble {name} allows maximum batch size {config.max_batch_size}, but it contains model {model.name} "
            f"which only allows maximum batch size to be {model.max_batch_size}"
        )
    inputs, outputs = ({one.name: one for one in group} for group in (model.input, model.output))
    for one in model.input:
        if one.name not in step.input_map and not one.optional:
            raise TensorError(
                f"in ensemble {name}, input {one.name} in model {model.name} is not mapped to any ensemble tensors"
            )
    for own, tensor in step.input_map.items():
        if own not in inputs:
            raise TensorError(
                f"in ensemble {name}, ensemble tensor {tensor} is mapping to non-existing input {own} in model "
                f"{model.name}"
            )
        _check_same(name, tensor, tensors, _use(model, inputs[own]))
    for own, tensor in step.output_map.items():
        if own not in outputs:
            raise TensorError(
                f"in ensemble {name}, ensemble tensor {tensor} is mapped from non-existing output {own} in model "
                f"{model.name}"
            )
        _check_same(name, tensor, tensors, _use(model, outputs[own]))


def _use(model: Any, tensor: Any) -> _Use:
    datatype = datatype_in(model, tensor)
    shape = (ANY, *tensor.dims) if model.max_batch_size > 0 else tuple(tensor.dims)
    return _Use(model.name, datatype.config_name if datatype else "TYPE_INVALID", shape)


def _check_same(ensemble: str, tensor: str, tensors: dict[str, _Use], use: _Use) -> None:
    first = tensors.setdefault(tensor, use)
    about = f"in ensemble {ensemble}, ensemble tensor {tensor}: inconsistent"
    if first.datatype != use.datatype:
        raise TensorError(
            f"{about} data type: {first.datatype} is inferred from model {first.model} while {use.datatype} is "
            f"inferred from model {use.model}"
        )
    if not _agree(first.shape, use.shape):
        raise TensorError(
            f"{about} shape: {_shown(first.shape)} is inferred from model {first.model} while {_shown(use.shape)} is "
            f"inferred from model {use.model}"
        )


def _agree(first: Sequence[int], second: Sequence[int]) -> bool:
    return len(first) == len(second) and all(
        one == other or ANY in (one, other) for one, other in zip(first, second, strict=True)
    )


def _shown(shape: Sequence[int]) -> str:
    return f"[{','.join(map(str, shape))}]"
