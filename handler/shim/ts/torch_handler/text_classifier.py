"""Tells what a text is about."""

import torch
import torch.nn.functional as F

from ts.handler_utils.text_utils import ngrams_iterator
from ts.torch_handler.text_handler import TextHandler
from ts.utils.util import map_class_to_label

__all__ = ["TextClassifier", "TextHandler", "map_class_to_label", "ngrams_iterator"]


class TextClassifier(TextHandler):
    """Answers a text with the probabilities of all labels. Only the first text of a batch counts, as in TorchServe."""

    ngrams = 2

    def preprocess(self, data):
        """The cleaned text's n-grams as a tensor of indices, and its tokens; KeyError for what the vocabulary lacks."""
        text = data[0].get("data") or data[0].get("body")
        if isinstance(text, (bytes, bytearray)):
            text = text.decode("utf-8")
        for clean in (
            self._remove_html_tags,
            str.lower,
            self._expand_contractions,
            self._remove_accented_characters,
            self._remove_punctuation,
        ):
            text = clean(text)
        tokens = self._tokenize(text)
        indices = [self.source_vocab[ngram] for ngram in ngrams_iterator(tokens, self.ngrams)]
        return torch.as_tensor(indices, device=self.device), tokens

    def inference(self, data, *args, **kwargs):
        """The model's scores for the indices as one bag."""
        indices, _ = data
        return super().inference(indices, torch.as_tensor([0], device=self.device))

    def postprocess(self, data):
        """Labels and probabilities from the model's scores."""
        return map_class_to_label(F.softmax(data, dim=1).tolist(), self.mapping)

    def get_insights(self, text_preprocess, _, target=0):
        """The attribution of each n-gram to class `target`."""
        indices, tokens = text_preprocess
        importances = self.lig.attribute(
            indices,
            torch.zeros_like(indices),
            additional_forward_args=torch.tensor([0], device=self.device),
            return_convergence_delta=False,
            target=target,
        )
        weights = self.summarize_attributions(importances)
        return [{"importances": weights.tolist(), "words": self.get_word_token(tokens)}]
