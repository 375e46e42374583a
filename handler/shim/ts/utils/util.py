"""Labels, classes, YAML and the exception with a status: what handlers import from here."""

import enum
import functools
import inspect
import json
import logging
import os
import re
import warnings

import yaml

logger = logging.getLogger(__name__)

CLEANUP_REGEX = re.compile(r"<.*?>|&([a-z0-9]+|#[0-9]{1,6}|#x[0-9a-f]{1,6});")
"""HTML tags and character references."""


class PT2Backend(enum.StrEnum):
    """The torch.compile backends that a model-config.yaml may name."""

    EAGER = "eager"
    AOT_EAGER = "aot_eager"
    INDUCTOR = "inductor"
    NVFUSER = "nvfuser"
    AOT_NVFUSER = "aot_nvfuser"
    AOT_CUDAGRAPHS = "aot_cudagraphs"
    OFI = "ofi"
    FX2TRT = "fx2trt"
    ONNXRT = "onnxrt"
    IPEX = "ipex"
    TORCHXLA_TRACE_ONCE = "torchxla_trace_once"
    OPENVINO = "openvino"
    TENSORRT = "tensorrt"
    HPU_BACKEND = "hpu_backend"


class PredictionException(Exception):
    """Raised by a handler to answer its whole batch with a message and a status code of its choice."""

    def __init__(self, message, error_code=500):
        self.message = message
        self.error_code = error_code
        super().__init__(message)

    def __str__(self):
        return f"{self.message} : {self.error_code}"


def list_classes_from_module(module, parent_class=None):
    """The classes that a module defines itself, by name; with `parent_class` only its subclasses (and itself).

    A class is the module's own if its `__module__` is the module's `__name__` or its `__spec__.name`: an archive's
    module may be loaded under a private name while its classes speak of the plain one, or the other way round.
    """
    names = {module.__name__, getattr(module.__spec__, "name", None)}
    return [
        member
        for _, member in inspect.getmembers(module, inspect.isclass)
        if member.__module__ in names and (parent_class is None or issubclass(member, parent_class))
    ]


def check_valid_pt2_backend(backend):
    """Whether torch.compile is to be asked for that backend; a warning is logged if not."""
    valid = backend in {known.value for known in PT2Backend}
    if not valid:
        logger.warning("%s is not a supported backend", backend)
    return valid


def load_label_mapping(mapping_file_path):
    """The labels of index_to_name.json as {"0": label, ...}; None, with a warning, where the file is missing.

    Takes {"index": label}, {"index": [..., label]} (the last one counts) and {"object_type_names": [labels]}. Anything
    else raises Exception.
    """
    if not os.path.isfile(mapping_file_path):
        logger.warning("'%s' is missing. Inference output will not include class name.", mapping_file_path)
        return None
    with open(mapping_file_path, encoding="utf-8") as file:
        mapping = json.load(file)
    if not isinstance(mapping, dict):
        raise Exception('index->name JSON mapping should be in "class": "label" format.')
    names = mapping.get("object_type_names")
    if isinstance(names, list):
        mapping = {str(index): name for index, name in enumerate(names)}
    return {index: _label(value) for index, value in mapping.items()}


def _label(value):
    label = value[-1] if isinstance(value, list) else value
    if not isinstance(label, str):
        raise Exception("labels in index->name mapping must be either str or List[str]")
    return label


def map_class_to_label(probs, mapping=None, lbl_classes=None):
    """One {label: probability} dict for each row of `probs`, a list of lists.

    `lbl_classes` holds the class index of each probability (by default 0, 1, ...); `mapping` holds the label of each
    index as a string, and an index that it lacks raises KeyError. Without it the index is the label.
    """
    if not isinstance(probs, list):
        raise Exception("Convert classes to list before doing mapping")
    if mapping is not None and not isinstance(mapping, dict):
        raise Exception("Mapping must be a dict")
    if lbl_classes is None:
        lbl_classes = [range(len(row)) for row in probs]
    return [
        {_name(index, mapping): prob for index, prob in zip(classes, row, strict=False)}
        for classes, row in zip(lbl_classes, probs, strict=False)
    ]


def _name(index, mapping):
    return str(index) if mapping is None else mapping[str(index)]


def get_yaml_config(yaml_file_path):
    """The content of a YAML file; None for an empty one."""
    with open(yaml_file_path, encoding="utf-8") as file:
        return yaml.safe_load(file)


def deprecated(version, replacement="", klass=PendingDeprecationWarning):
    """Decorate a function to warn, at each call, that it has moved to `replacement` in that version."""

    def decorate(function):
        @functools.wraps(function)
        def warned(*args, **kwargs):
            warnings.warn(
                f"{function.__name__} is deprecated in {version} and moved to {replacement}", klass, stacklevel=2
            )
            return function(*args, **kwargs)

        return warned

    return decorate
