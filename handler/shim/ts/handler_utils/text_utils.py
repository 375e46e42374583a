"""Words and n-grams, split as torchtext does, which itself is not needed."""

import re

_APART = re.compile(r"([.,()!?'])")
_DROPPED = re.compile(r"\"|<br />|[;:]")


def ngrams_iterator(token_list, ngrams):
    """The tokens, then their pairs joined by a blank, and so on up to `ngrams` at a time."""
    yield from token_list
    for length in range(2, ngrams + 1):
        for start in range(len(token_list) - length + 1):
            yield " ".join(token_list[start : start + length])


def get_tokenizer(tokenizer, language="en"):
    """A function from a text to its tokens.

    None splits at blanks; "basic_english" also lowers the case and sets punctuation apart, ValueError for another
    language; None is returned for any other name.
    """
    if tokenizer is None:
        return str.split
    if tokenizer != "basic_english":
        return None
    if language != "en":
        raise ValueError("Basic normalization is only available for Enlish(en)")
    return _basic_english_normalize


def _basic_english_normalize(line):
    return _APART.sub(r" \1 ", _DROPPED.sub(" ", line.lower())).split()
