"""The small decoder learns a few texts: those of the examples are learned the same way."""

import pytest

pytest.importorskip("torch")

from tests.support.examples import chat_module, decoder


def test_a_fitted_model_answers_what_it_was_shown_and_ends() -> None:
    fit = chat_module("fit")
    ids, targets = fit.rows_of([("ab", "c"), ("d", "")])
    assert ids.tolist() == [[97, 98, 99], [100, 0, 0]]
    assert targets.tolist() == [[-100, 99, decoder.END], [decoder.END, -100, -100]]
    shape = {"width": 32, "depth": 1, "heads": 2, "length": 32}
    model = decoder.Decoder(**shape, slots=1)
    model.network.load_state_dict(fit.fit([("sky?", "blue"), ("sun?", "gold")], 60, **shape).state_dict())
    for prompt, answer in (("sky?", "blue"), ("sun?", "gold")):
        tokens = [int(model.prefill(model.encode(prompt), 0).argmax())]
        while tokens[-1] != decoder.END and len(tokens) < 8:
            tokens.append(int(model.step([tokens[-1]], [0], [3 + len(tokens)]).argmax()))
        assert model.decode(tokens[:-1]) == answer
