"""Reads what torch.save wrote, state dicts and older things too."""

import logging
import pickle
import re

import torch

logger = logging.getLogger(__name__)


def load_checkpoint(path, map_location, allow_pickles):
    """What torch.save put into the file.

    torch refuses files with objects of other classes than its own, because to load them is to run their code. With
    `allow_pickles` they are loaded all the same, and a warning names the file; without, pickle.UnpicklingError says
    which file and class it was, and the remedy.
    """
    try:
        return torch.load(path, map_location=map_location)
    except pickle.UnpicklingError as refusal:
        if not allow_pickles:
            raise pickle.UnpicklingError(_remedy(path, refusal)) from refusal
    checkpoint = torch.load(path, map_location=map_location, weights_only=False)
    logger.warning("%s holds pickled objects, not only weights; it was loaded because its archive is trusted.", path)
    return checkpoint


def _remedy(path, refusal):
    found = re.search(r"GLOBAL (\S+)", str(refusal))
    culprit = f"an object of class {found[1]}" if found else "objects that are no plain weights"
    return (
        f"{path} holds {culprit}, which torch does not load unless it is told to. Save the model's state_dict() "
        "instead, or, where you trust the file, set TORCH_FORCE_NO_WEIGHTS_ONLY_LOAD=1."
    )
