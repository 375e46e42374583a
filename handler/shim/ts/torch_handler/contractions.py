"""English contractions and what they are short for."""

_NEGATED = "are could did does do had has have is may might must need ought should was were would"
_ENDINGS = {
    "'d": ("would", "he i it she that there they we you"),
    "'ll": ("will", "he how i it she they we what who you"),
    "'m": ("am", "i"),
    "'re": ("are", "they we what you"),
    "'s": ("is", "he how it she that there what when where who why"),
    "'ve": ("have", "could i might must should so they to we what when where who why will would you"),
}
_ODD = {
    "ain't": "is not",
    "can't": "cannot",
    "'cause": "because",
    "how'd": "how did",
    "let's": "let us",
    "ma'am": "madam",
    "o'clock": "of the clock",
    "shan't": "shall not",
    "sha'n't": "shall not",
    "so's": "so as",
    "where'd": "where did",
    "won't": "will not",
    "y'all": "you all",
}

CONTRACTION_MAP = (
    {f"{verb}n't": f"{verb} not" for verb in _NEGATED.split()}
    | {f"{word}{end}": f"{word} {full}" for end, (full, words) in _ENDINGS.items() for word in words.split()}
    | _ODD
)
"""Lower-case contractions; of a double one ("she'd've") only the first half, since TorchServe never expands more."""
