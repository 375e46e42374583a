"""Handlers of texts: ts.torch_handler's text_handler and text_classifier, and ts.handler_utils.text_utils."""

import sys
import types

import pytest
import torch
from ts.context import Context, RequestProcessor
from ts.handler_utils.text_utils import get_tokenizer, ngrams_iterator
from ts.metrics.metrics_store import MetricsStore
from ts.torch_handler.text_classifier import TextClassifier

WORDS = ["hello", "world", "hello world"]


@pytest.fixture
def handler():
    """A classifier whose model scores a bag of words by its sum and its length."""
    handler = TextClassifier()
    handler.device = torch.device("cpu")
    handler.source_vocab = {word: index for index, word in enumerate(WORDS)}
    handler.model = lambda text, offsets: torch.stack([text.sum(), torch.tensor(len(text))]).float().unsqueeze(0)
    return handler


@pytest.fixture
def context():
    """Make a context for one request with these headers."""

    def make(**headers):
        context = Context("m", "/d", {"model": {}}, 1, None, "0.12.0", metrics=MetricsStore("id", "m"))
        context.request_processor = [RequestProcessor(headers)]
        return context

    return make


def test_basic_english_tokens():
    text = "Hello, World! it's \"q\" <br />a.b (c); d: e?  F''"
    expected = "hello , world ! it ' s q a . b ( c ) d e ? f ' '"
    assert get_tokenizer("basic_english")(text) == expected.split()


def test_other_tokenizers():
    assert get_tokenizer(None)("a b  c") == ["a", "b", "c"]
    assert get_tokenizer("spacy") is None
    with pytest.raises(ValueError, match="only available for Enlish"):
        get_tokenizer("basic_english", "fr")


@pytest.mark.parametrize(
    ("ngrams", "expected"),
    [(1, ["a", "b", "c"]), (2, ["a", "b", "c", "a b", "b c"]), (3, ["a", "b", "c", "a b", "b c", "a b c"])],
)
def test_ngrams_follow_the_tokens(ngrams, expected):
    assert list(ngrams_iterator(["a", "b", "c"], ngrams)) == expected


@pytest.mark.parametrize(
    ("text", "expanded"),
    [
        ("I can't WON'T do it's y'all've", "I cannot Will not do it is you allve"),
        ("ain't", "as not"),
        ("o'clock 'cause ma'am", "of the clock ecause madam"),
        ("She'd've who're So's", "She wouldve whore So as"),
        ("scan't it'll'nt let's", "scannot it willnt let us"),
    ],
)
def test_contractions_are_expanded_as_torchserve_does_with_all_its_oddities(handler, text, expanded):
    assert handler._expand_contractions(text) == expanded


def test_cleaning(handler):
    assert handler._remove_accented_characters("Café naïve ß") == "Cafe naive "
    assert handler._remove_html_tags("<b>a</b> &amp;") == "a "
    assert handler._remove_punctuation("a.b, c! 'd' #e") == "ab c d e"
    assert handler._remove_puncutation("a.b") == "ab"
    assert handler._tokenize("Hello World.") == ["hello", "world", "."]
    assert handler.get_word_token(["\u0120hello", "##ing"]) == ["hello", "##ing"]


@pytest.mark.parametrize("wrap", [str, str.encode, lambda text: bytearray(text.encode())])
def test_a_text_becomes_indices_and_tokens(handler, wrap):
    indices, tokens = handler.preprocess([{"body": wrap("<b>Hello</b>, World!")}, {"body": "never read"}])
    assert (indices.tolist(), tokens) == ([0, 1, 2], ["hello", "world"])


def test_a_word_that_the_vocabulary_lacks_is_a_key_error(handler):
    with pytest.raises(KeyError, match="stranger"):
        handler.preprocess([{"body": "hello stranger"}])


def test_a_text_is_answered_with_all_labels(handler, context):
    handler.mapping = {"0": "sum", "1": "length"}
    assert handler.handle([{"data": "hello world"}], context()) == [{"sum": 0.5, "length": 0.5}]


@pytest.fixture
def archived(monkeypatch, tmp_path):
    """Make a context for an archive with a model file; keyword arguments are more of the manifest's `model`."""
    (tmp_path / "text_model.py").write_text("import torch\nclass Model(torch.nn.ReLU): pass\n")
    monkeypatch.syspath_prepend(tmp_path)

    def make(**model):
        return Context("m", str(tmp_path), {"model": {"modelFile": "text_model.py", **model}}, 1, None, "0.12.0")

    return make


@pytest.mark.parametrize(("name", "model"), [("source_vocab.pt", {}), ("own.pt", {"sourceVocab": "own.pt"})])
def test_the_vocabulary_is_loaded_beside_the_model(archived, tmp_path, name, model):
    torch.save({"hello": 0}, tmp_path / name)
    handler = TextClassifier()
    handler.initialize(archived(**model))
    assert handler.source_vocab == {"hello": 0}


def test_a_missing_vocabulary_is_refused(archived):
    with pytest.raises(Exception, match="Missing the source_vocab file"):
        TextClassifier().initialize(archived())


@pytest.mark.parametrize(
    ("attributions", "summary"),
    [
        ([[1.0, 2.0], [3.0, 5.0]], [[0.19016, 0.51694], [0.08428, 0.62282]]),
        ([1.0, 2.0, 4.0], [0.04201, 0.11420, 0.84379]),
        ([[[1.0, 2.0], [3.0, 4.0]]], [[[0.35355, 0.35355], [0.35355, 0.35355]]]),
    ],
)
def test_attributions_are_summarized(handler, attributions, summary):
    told = handler.summarize_attributions(torch.tensor(attributions))
    assert torch.allclose(told, torch.tensor(summary), atol=1e-5)


def test_an_explanation_tells_words_and_importances(monkeypatch, handler, context):
    class LayerIntegratedGradients:
        def __init__(self, model, layer):
            assert (model, layer) == (handler.model, "embedding")

        def attribute(self, indices, baseline, additional_forward_args, return_convergence_delta, target):
            assert (baseline.tolist(), additional_forward_args.tolist(), target) == ([0, 0, 0], [0], 1)
            return torch.zeros(1, 2)

    attr = types.ModuleType("captum.attr")
    attr.LayerIntegratedGradients = LayerIntegratedGradients
    monkeypatch.setitem(sys.modules, "captum", types.ModuleType("captum"))
    monkeypatch.setitem(sys.modules, "captum.attr", attr)
    handler.model.embedding = "embedding"
    answer = handler.handle([{"body": "hello world", "target": 1}], context(explain="True"))
    assert answer == [{"importances": [[0.5, 0.5]], "words": ["hello", "world"]}]
