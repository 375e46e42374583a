"""Labels, classes, YAML and exceptions: ts.utils.util."""

import importlib.util
import logging
import types
import warnings

import pytest
from ts.utils.util import (
    CLEANUP_REGEX,
    PredictionException,
    PT2Backend,
    check_valid_pt2_backend,
    deprecated,
    get_yaml_config,
    list_classes_from_module,
    load_label_mapping,
    map_class_to_label,
)


@pytest.fixture
def write(tmp_path):
    """Write a file and give its path."""

    def write(text, name="index_to_name.json"):
        path = tmp_path / name
        path.write_text(text)
        return str(path)

    return write


@pytest.mark.parametrize(
    ("text", "mapping"),
    [
        ('{"0": "cat", "1": "dog"}', {"0": "cat", "1": "dog"}),
        ('{"0": ["n02", "cat"]}', {"0": "cat"}),
        ('{"object_type_names": ["cat", "dog"]}', {"0": "cat", "1": "dog"}),
        ('{"object_type_names": ["cat"], "z": "q"}', {"0": "cat"}),
        ('{"object_type_names": "cat"}', {"object_type_names": "cat"}),
        ("{}", {}),
    ],
)
def test_label_mappings_of_all_forms(write, text, mapping):
    assert load_label_mapping(write(text)) == mapping


@pytest.mark.parametrize("text", ['{"0": 1}', '{"0": [1, 2]}', '{"0": null}', '{"object_type_names": {"a": 1}}'])
def test_a_label_has_to_be_text(write, text):
    with pytest.raises(Exception, match="labels in index->name mapping must be either str or List"):
        load_label_mapping(write(text))


@pytest.mark.parametrize("text", ["[1]", '"cat"'])
def test_a_label_mapping_has_to_be_an_object(write, text):
    with pytest.raises(Exception, match='JSON mapping should be in "class": "label" format'):
        load_label_mapping(write(text))


def test_a_missing_label_mapping_is_none_and_logged(tmp_path, caplog):
    assert load_label_mapping(str(tmp_path / "none.json")) is None
    assert "none.json' is missing. Inference output will not include class name." in caplog.text


def test_probabilities_are_named_by_index_or_label():
    labels = {"0": "a", "1": "b"}
    assert map_class_to_label([[0.5, 0.25]]) == [{"0": 0.5, "1": 0.25}]
    assert map_class_to_label([[0.5, 0.25]], labels) == [{"a": 0.5, "b": 0.25}]
    assert map_class_to_label([[0.5, 0.25]], labels, [[1, 0]]) == [{"b": 0.5, "a": 0.25}]
    assert map_class_to_label([[0.5, 0.25]], lbl_classes=[[7, 8]]) == [{"7": 0.5, "8": 0.25}]
    assert map_class_to_label([[0.5, 0.4]], labels, [[0]]) == [{"a": 0.5}]


def test_a_class_without_a_label_raises_key_error():
    with pytest.raises(KeyError, match="'0'"):
        map_class_to_label([[0.5]], {"1": "b"})


def test_probabilities_and_labels_of_other_types_are_refused():
    with pytest.raises(Exception, match="Convert classes to list before doing mapping"):
        map_class_to_label(((0.5,),))
    with pytest.raises(Exception, match="Mapping must be a dict"):
        map_class_to_label([[0.5]], ["a"])


def test_only_a_modules_own_classes_are_listed():
    module = types.ModuleType("shapes")
    exec("from collections import OrderedDict\nclass A: pass\nclass B(A): pass\nclass C: pass", module.__dict__)
    assert [found.__name__ for found in list_classes_from_module(module)] == ["A", "B", "C"]
    assert [found.__name__ for found in list_classes_from_module(module, module.A)] == ["A", "B"]


def test_classes_count_as_own_under_the_modules_private_name_too():
    module = types.ModuleType("shapes")
    module.__spec__ = importlib.util.spec_from_loader("private_7.shapes", loader=None)
    private = type("Private", (), {"__module__": "private_7.shapes"})
    public = type("Public", (), {"__module__": "shapes"})
    module.Private, module.Public, module.Other = private, public, type("Other", (), {"__module__": "elsewhere"})
    assert list_classes_from_module(module) == [private, public]


def test_known_and_unknown_compile_backends(caplog):
    assert len(PT2Backend) == 14
    assert check_valid_pt2_backend("inductor")
    assert check_valid_pt2_backend("openvino")
    assert not check_valid_pt2_backend("nonsense")
    assert caplog.record_tuples == [("ts.utils.util", logging.WARNING, "nonsense is not a supported backend")]


def test_yaml_files(write, tmp_path):
    assert get_yaml_config(write("a: 1\nb: [1, 2]", "a.yaml")) == {"a": 1, "b": [1, 2]}
    assert get_yaml_config(write("", "empty.yaml")) is None
    with pytest.raises(FileNotFoundError):
        get_yaml_config(str(tmp_path / "none.yaml"))


def test_a_prediction_exception_carries_message_and_code():
    assert (PredictionException("full").message, PredictionException("full").error_code) == ("full", 500)
    assert str(PredictionException("no", 403)) == "no : 403"
    assert PredictionException("no", 403).args == ("no",)


def test_a_deprecated_function_warns_at_each_call():
    @deprecated(version="9", replacement="new.place")
    def old(value):
        return value

    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        assert [old(1), old(2)] == [1, 2]
    assert [str(each.message) for each in caught] == ["old is deprecated in 9 and moved to new.place"] * 2
    assert caught[0].category is PendingDeprecationWarning


def test_clean_up_removes_tags_and_references():
    assert CLEANUP_REGEX.sub("", "<b>a</b> &amp; &#12; &#x1f; <x") == "a    <x"
