"""The base of the handlers of texts."""

import functools
import logging
import os
import re
import string
import unicodedata

import torch
import torch.nn.functional as F

from ts.handler_utils.text_utils import get_tokenizer
from ts.torch_handler.base_handler import BaseHandler
from ts.torch_handler.contractions import CONTRACTION_MAP
from ts.utils.util import CLEANUP_REGEX

logger = logging.getLogger(__name__)

CONTRACTIONS_PATTERN = re.compile("|".join(map(re.escape, CONTRACTION_MAP)), re.IGNORECASE)
_NO_PUNCTUATION = str.maketrans("", "", string.punctuation)


class TextHandler(BaseHandler):
    """Loads a vocabulary beside the model, and cleans texts."""

    source_vocab = None
    input_text = None
    tokenizer = staticmethod(get_tokenizer("basic_english"))

    def initialize(self, context):
        """Load the model and its vocabulary: the manifest's sourceVocab, or source_vocab.pt of the archive."""
        super().initialize(context)
        path = self.get_source_vocab_path(context)
        self.source_vocab = torch.load(path, map_location=self.device)

    def get_source_vocab_path(self, ctx):
        """The path of the vocabulary; Exception where it is missing."""
        name = self.manifest["model"].get("sourceVocab", "source_vocab.pt")
        path = os.path.join(ctx.system_properties.get("model_dir"), name)
        if not os.path.isfile(path):
            raise Exception(
                "Missing the source_vocab file. Refer default handler documentation for details on using text_handler."
            )
        return path

    @functools.cached_property
    def lig(self):
        """Captum's integrated gradients at the model's layer `embedding`; captum is imported when first asked for."""
        from captum.attr import LayerIntegratedGradients

        return LayerIntegratedGradients(self.model, self.model.embedding)

    def _expand_contractions(self, text):
        return CONTRACTIONS_PATTERN.sub(_expanded, text).replace("'", "")

    def _remove_accented_characters(self, text):
        return unicodedata.normalize("NFKD", text).encode("ascii", "ignore").decode()

    def _remove_html_tags(self, text):
        return CLEANUP_REGEX.sub("", text)

    def _remove_punctuation(self, text):
        return text.translate(_NO_PUNCTUATION)

    # Under this name TorchServe's own first releases had it, and handlers of the time call it so.
    _remove_puncutation = _remove_punctuation

    def _tokenize(self, text):
        return self.tokenizer(text)

    def get_word_token(self, input_tokens):
        """The tokens without the sign that byte-pair tokenizers put for a blank."""
        return [token.replace("\u0120", "") for token in input_tokens]

    def summarize_attributions(self, attributions):
        """Attributions as weights: softmax, scaled by the length of their sums."""
        # The dimension that torch's softmax takes by itself for a tensor of this shape.
        weights = F.softmax(attributions, dim=0 if attributions.dim() in (1, 3) else 1)
        return weights / torch.norm(weights.sum(dim=-1))


def _expanded(match):
    short = match[0]
    return short[0] + CONTRACTION_MAP[short.lower()][1:]
