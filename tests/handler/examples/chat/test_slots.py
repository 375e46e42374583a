"""Sequences in slots: a compiled step, whose shape never changes, gives what a step of the needed size does."""

import pytest

pytest.importorskip("torch")

import torch

from tests.support.examples import decoder, slots


def continuations(model: slots.SlotModel, count: int) -> list[list[int]]:
    """The likeliest tokens after two prompts, which share steps and have different lengths."""
    prompts = {2: [1, 2, 3], 0: [9, 8, 7, 6, 5, 4]}
    made = [[int(model.prefill(prompt, slot).argmax())] for slot, prompt in prompts.items()]
    for number in range(count):
        positions = [len(prompt) + number for prompt in prompts.values()]
        logits = model.step([each[-1] for each in made], list(prompts), positions)
        for each, token in zip(made, logits.argmax(-1).tolist(), strict=True):
            each.append(token)
    return made


@pytest.mark.long
def test_a_compiled_step_has_one_shape_and_the_same_tokens() -> None:
    shapes = []

    def backend(module: torch.fx.GraphModule, inputs: list[torch.Tensor]) -> object:
        shapes.append(tuple(inputs[0].shape))
        return module.forward

    options = {"width": 32, "depth": 2, "slots": 4, "length": 64}
    assert continuations(decoder.Decoder(**options, backend=backend), 12) == continuations(
        decoder.Decoder(**options), 12
    )
    assert len(shapes) == 1


def test_a_seed_makes_the_same_model() -> None:
    first, second, other = (decoder.Decoder(width=16, depth=1, seed=seed).prefill([1, 2], 0) for seed in (0, 0, 1))
    assert torch.equal(first, second)
    assert not torch.equal(first, other)


def test_a_token_sees_itself_and_those_before_it() -> None:
    assert slots.visible(torch.tensor([[0, 2]]), 4).int().tolist() == [[[[1, 0, 0, 0], [1, 1, 1, 0]]]]
