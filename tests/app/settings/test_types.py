"""The text of a configuration value becomes the value."""

import pytest

from app.settings.types import (
    InitialModel,
    ListenAddress,
    parse_initial_models,
    parse_model_settings,
    parse_model_snapshot,
    parse_pattern,
    parse_patterns,
    parse_port,
    parse_protocol_switch,
)


@pytest.mark.parametrize(
    ("text", "binding"),
    [
        ("http://127.0.0.1:8080", ListenAddress("http", "127.0.0.1", 8080)),
        ("HTTPS://Example.org:1", ListenAddress("https", "Example.org", 1)),
        ("http://localhost", ListenAddress("http", "localhost", 8081)),
        ("https://localhost", ListenAddress("https", "localhost", 8444)),
        ("http://[::1]:8080", ListenAddress("http", "::1", 8080)),
        ("unix:/tmp/a.sock", ListenAddress("unix", path="/tmp/a.sock")),
        ("unix:///tmp/a.sock", ListenAddress("unix", path="/tmp/a.sock")),
    ],
)
def test_an_address_is_read(text: str, binding: ListenAddress) -> None:
    assert ListenAddress.parse(text, 8081, 8444) == binding


@pytest.mark.parametrize(
    "text", ["foo", "http://:8080", "http://a:8080/", "ftp://a:1", "unix:a.sock", "http://a:b", ""]
)
def test_what_is_no_address_says_what_one_looks_like(text: str) -> None:
    with pytest.raises(ValueError, match=r"^an address such as http://127\.0\.0\.1:8080, https://host:8443 or unix:"):
        ListenAddress.parse(text)


def test_a_port_beyond_the_last_is_refused() -> None:
    with pytest.raises(ValueError, match=r"^a port number from 0 to 65535$"):
        ListenAddress.parse("http://127.0.0.1:65536")


@pytest.mark.parametrize("text", ["http://127.0.0.1:8080", "https://[::1]:8443", "unix:/tmp/a.sock"])
def test_an_address_prints_as_it_is_written(text: str) -> None:
    assert str(ListenAddress.parse(text)) == text


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("http://127.0.0.1", True),
        ("http://127.8.0.1", True),
        ("http://localhost", True),
        ("http://[::1]", True),
        ("unix:/a", True),
        ("http://0.0.0.0", False),
        ("http://127.0.0.1.example.org", False),
        ("http://10.0.0.1", False),
    ],
)
def test_loopback_is_what_only_this_machine_reaches(text: str, expected: bool) -> None:
    assert ListenAddress.parse(text).is_loopback is expected


@pytest.mark.parametrize("value", [-1, 65536, "x", "", "8080.0", None])
def test_a_port_is_a_number_of_16_bits(value: object) -> None:
    with pytest.raises(ValueError, match=r"^a port number"):
        parse_port(value)


def test_patterns_are_cut_at_commas_and_compiled() -> None:
    assert parse_patterns("file://.* , http://[a-z]+") == ("file://.*", "http://[a-z]+")
    with pytest.raises(ValueError, match=r"^a regular expression \(unterminated character set"):
        parse_patterns("file://.*,[")


def test_a_pattern_may_hold_commas() -> None:
    assert parse_pattern("A{1,2}") == "A{1,2}"


def test_initial_models_have_a_name_only_if_one_is_given() -> None:
    assert parse_initial_models("a=a.mar, b.mar,http://host/c.mar?key=1 ,d=http://host/d.mar?key=1") == (
        InitialModel("a", "a.mar"),
        InitialModel(None, "b.mar"),
        InitialModel(None, "http://host/c.mar?key=1"),
        InitialModel("d", "http://host/d.mar?key=1"),
    )


def test_an_initial_model_prints_as_it_is_written() -> None:
    assert [str(model) for model in parse_initial_models("a=a.mar,b.mar")] == ["a=a.mar", "b.mar"]


def test_model_settings_come_with_numbers_and_truths() -> None:
    text = '{"m": {"1.0": {"minWorkers": 1, "batchSize": "4", "defaultVersion": true, "marName": "m.mar"}}}'
    expected = {"m": {"1.0": {"minWorkers": 1, "batchSize": 4, "defaultVersion": True, "marName": "m.mar"}}}
    assert parse_model_settings(text) == expected


@pytest.mark.parametrize(
    "text",
    [
        "{'m':{'1.0':{'minWorkers':1,'defaultVersion':true}}}",
        '{m:{"1.0":{minWorkers:1,defaultVersion:True}}}',
        '{"m": {"1.0": {"minWorkers": 1, "defaultVersion": "TRUE", "maxBatchDelay": null}}}',
        "{m: {1.0: {minWorkers: '1'; defaultVersion = true # by hand\n}}}",
    ],
)
def test_model_settings_are_read_leniently(text: str) -> None:
    assert parse_model_settings(text) == {"m": {"1.0": {"minWorkers": 1, "defaultVersion": True}}}


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("{", r"^a JSON object \(expected a name at line 1, column 2\)$"),
        ('{"m": {"1.0": {},}}', r"^a JSON object \(expected a name at line 1, column 18\)$"),
        ("[]", "and the whole is no object$"),
        ('{"m": 3}', "and m is no object$"),
        ('{"m": {"1.0": 3}}', "and 1.0 is no object$"),
        ('{"m": {"1.0": {"batchSize": "x"}}}', "^a whole number as batchSize of m/1.0$"),
        ('{"m": {"1.0": {"batchSize": 1.5}}}', "^a whole number as batchSize of m/1.0$"),
        ('{"m": {"1.0": {"defaultVersion": "yes"}}}', "^true or false$"),
    ],
)
def test_model_settings_of_another_shape_are_refused(text: str, expected: str) -> None:
    with pytest.raises(ValueError, match=expected):
        parse_model_settings(text)


def test_a_snapshot_keeps_what_it_says_besides_its_models() -> None:
    snapshot = parse_model_snapshot('{"name": "a.cfg", "modelCount": 1, "models": {"m": {"1.0": {"minWorkers": "2"}}}}')
    assert snapshot == {"name": "a.cfg", "modelCount": 1, "models": {"m": {"1.0": {"minWorkers": 2}}}}


@pytest.mark.parametrize(("value", "expected"), [("oip", True), ("true", True), ("false", False), (True, True)])
def test_the_open_inference_protocol_is_on_by_its_name_or_a_boolean(value: object, expected: bool) -> None:
    assert parse_protocol_switch(value) is expected
