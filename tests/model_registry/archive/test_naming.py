"""Default names of archives and models."""

import pytest

from model_registry.archive.naming import check_name, default_name, file_name
from model_registry.errors import InvalidName


@pytest.mark.parametrize(
    ("url", "name"),
    [
        ("m.mar", "m.mar"),
        ("sub/m.mar", "m.mar"),
        ("a\\m.mar", "m.mar"),
        ("C:\\models\\m.mar", "m.mar"),
        ("folder/", "folder"),
        ("m.mar?x=1", "m.mar?x=1"),
        ("s3://bucket/m.mar?x=1", "m.mar?x=1"),
        ("do%74s.mar", "do%74s.mar"),
        ("https://h/a/m.mar?sig=a/b.mar#c", "m.mar"),
        ("HTTP://h/with%20space.mar", "with%20space.mar"),
        ("ftp://h/m.mar?x=1", "m.mar"),
        ("file:///a/m.mar", "m.mar"),
        ("http://h/", ""),
        ("http://h", ""),
        ("http://[h/m.mar", "m.mar"),
        ("/", ""),
    ],
)
def test_a_file_in_the_store_is_named_by_the_last_segment(url: str, name: str) -> None:
    assert file_name(url) == name


@pytest.mark.parametrize(
    ("url", "name"),
    [
        ("m.mar", "m"),
        ("my model-2.mar", "my_model_2"),
        ("a/b.model", "b"),
        ("_hidden.mar", "_hidden"),
        ("tarred.tar.gz", "tarred_tar_gz"),
        ("folder", "folder"),
        ("größe.mar", "gr__e"),
        ("http://h/v1.2.mar", "v1_2"),
        ("a.mar/b", "b"),
    ],
)
def test_the_name_of_last_resort_is_made_of_the_file_name(url: str, name: str) -> None:
    assert default_name(url) == name


@pytest.mark.parametrize("name", ["m", "my model", "größe", "模型", "%2F", "..", "a/b", "a\nb", "\x00", "a" * 255])
def test_names_that_torchserve_takes_are_taken(name: str) -> None:
    check_name("model name", name)


@pytest.mark.parametrize("name", ["", "a\ud800", "a" * 256])
def test_names_that_no_request_can_carry_are_refused(name: str) -> None:
    with pytest.raises(InvalidName, match="Invalid model name") as refusal:
        check_name("model name", name)
    assert str(refusal.value).isascii()
    assert str(refusal.value).isprintable()
