"""Ensembles whose steps do not fit together."""

import pytest

from handler.tensors.errors import TensorError
from model_registry.triton.config.checks.ensemble_checks import check_steps, check_wiring
from model_registry.triton.config.config_forms import InvalidConfig, config_of_text

ADD = config_of_text(
    'name: "add" max_batch_size: 8 input [ { name: "A" data_type: TYPE_FP32 dims: 4 }, '
    '{ name: "B" data_type: TYPE_FP32 dims: 4 optional: true } ] output { name: "C" data_type: TYPE_FP32 dims: 4 }'
)


def ensemble(step: str, *, inner: str = "dims: 4", batch: int = 4, more: str = "") -> object:
    return config_of_text(
        f'name: "e" platform: "ensemble" max_batch_size: {batch} input {{ name: "X" data_type: TYPE_FP32 {inner} }} '
        f'output {{ name: "Y" data_type: TYPE_FP32 dims: 4 }} ensemble_scheduling {{ step [ {{ {step} }} ] }} {more}'
    )


def step(inputs: str = "A", outputs: str = "C", model: str = "add", source: str = "X", target: str = "Y") -> str:
    return (
        f'model_name: "{model}" input_map {{ key: "{inputs}" value: "{source}" }} '
        f'output_map {{ key: "{outputs}" value: "{target}" }}'
    )


def test_an_ensemble_that_fits_passes() -> None:
    check_steps(ensemble(step()))
    check_wiring(ensemble(step()), {"add": ADD})
    check_wiring(ensemble(step(), inner="dims: -1"), {"add": ADD})


@pytest.mark.parametrize(("config", "words"), [
    (config_of_text('name: "e" ensemble_scheduling { }'), "must specify 'step' for ensemble 'e'"),
    (ensemble('model_name: "add"'), "must specify 'input_map' in step 0 of ensemble 'e'"),
    (ensemble(step(target="Z")), "output 'Y' for ensemble 'e' is not written"),
    (ensemble(step(source="Y")), "output 'Y' for ensemble 'e' is not written"),
    (ensemble(step(target="X")), "ensemble tensor 'X' is written more than once"),
])  # fmt: skip
def test_steps_that_lead_nowhere_are_refused(config: object, words: str) -> None:
    with pytest.raises(InvalidConfig, match=words):
        check_steps(config)


@pytest.mark.parametrize(("config", "words"), [
    (ensemble(step(model="gone")), "ensemble e contains models that are not available or ambiguous: gone"),
    (ensemble(step(), batch=16), ("ensemble e allows maximum batch size 16, but it contains model add which only "
     "allows maximum batch size to be 8")),
    (ensemble(step(inputs="B")), "in ensemble e, input A in model add is not mapped to any ensemble tensors"),
    (ensemble(step().replace("output_map", 'input_map { key: "Q" value: "X" } output_map')),
     "in ensemble e, ensemble tensor X is mapping to non-existing input Q in model add"),
    (ensemble(step(outputs="D")), "in ensemble e, ensemble tensor Y is mapped from non-existing output D in model add"),
    (ensemble(step(), inner="dims: 5"), ("in ensemble e, ensemble tensor X: inconsistent shape: [-1,5] is inferred "
     "from model e while [-1,4] is inferred from model add")),
    (config_of_text('name: "e" input { name: "X" data_type: TYPE_INT8 dims: [ -1, 4 ] } ensemble_scheduling { step { '
     + step() + " } }"), ("in ensemble e, ensemble tensor X: inconsistent data type: TYPE_INT8 is inferred from model "
     "e while TYPE_FP32 is inferred from model add")),
])  # fmt: skip
def test_models_that_do_not_fit_are_refused(config: object, words: str) -> None:
    with pytest.raises(TensorError) as caught:
        check_wiring(config, {"add": ADD})
    assert caught.value.message == words
