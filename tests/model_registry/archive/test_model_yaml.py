"""model-config.yaml: the file and its errors."""

from pathlib import Path

import pytest

from model_registry.archive.archive import Archive
from model_registry.archive.manifest import Manifest
from model_registry.archive.model_yaml import load_model_config, readable_model_config, server_settings
from model_registry.errors import InvalidModel, UnboundedConfig


def archive(folder: Path, text: str | bytes | None, name: str = "c.yaml") -> Archive:
    """An unpacked archive whose manifest names a YAML file; None: there is no such file."""
    if text is not None:
        (folder / "c.yaml").write_bytes(text if isinstance(text, bytes) else text.encode())
    return Archive("m.mar", Manifest({}, "m", config_file=name), folder)


def test_the_yaml_file_is_read_anew_each_time(tmp_path: Path) -> None:
    """Handlers change what they get."""
    one = archive(tmp_path, "batchSize: 010\nhandler:\n  on: yes\n  note:\n")
    config = load_model_config(one)
    assert config == {"batchSize": 8, "handler": {True: True, "note": None}}
    config["handler"].clear()
    assert load_model_config(one)["handler"] == {True: True, "note": None}


def test_without_a_yaml_file_there_is_an_empty_map(tmp_path: Path) -> None:
    assert load_model_config(Archive("m.mar", Manifest(), tmp_path)) == {}


def test_an_empty_yaml_file_is_none(tmp_path: Path) -> None:
    assert load_model_config(archive(tmp_path, "")) is None


@pytest.mark.parametrize(
    ("text", "name"),
    [
        (None, "c.yaml"),
        ("a: [1\n", "c.yaml"),
        (b"\xff\xfe\xff", "c.yaml"),
        ("a: !!python/object/apply:os.getcwd []\n", "c.yaml"),
        ("a: 1\n", "../{folder}/c.yaml"),
        ("a: 1\n", "/etc/hostname"),
    ],
)
def test_a_yaml_file_that_cannot_be_read_is_an_error_for_workers_only(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, text: str | bytes | None, name: str
) -> None:
    broken = archive(tmp_path, text, name.format(folder=tmp_path.name))
    with pytest.raises(InvalidModel, match=r"^Failed to parse model config yaml file\.$"):
        load_model_config(broken)
    assert readable_model_config(broken) == {}
    assert "m.mar" in caplog.text


@pytest.mark.parametrize("text", ["[" * 5000, "a: [" + "1," * 150_000 + "]", " " * (1 << 20) + "a: 1"])
def test_a_yaml_file_beyond_the_limits_is_refused(tmp_path: Path, text: str) -> None:
    one = archive(tmp_path, text)
    for load in (load_model_config, readable_model_config):
        with pytest.raises(UnboundedConfig, match="model config yaml file is refused"):
            load(one)


def test_a_value_that_would_fill_the_log_is_shortened(caplog: pytest.LogCaptureFixture) -> None:
    value: list[object] = []
    for _ in range(50):
        value = [value, value]
    assert server_settings({"batchSize": value}) == {}
    assert len(caplog.text) < 1000


def test_a_number_that_counts_as_another_is_logged(caplog: pytest.LogCaptureFixture) -> None:
    assert server_settings({"batchSize": 0, "minWorkers": 2}) == {"batch_size": 1, "min_workers": 2}
    assert caplog.messages == ["batchSize: 0 in a model's configuration counts as 1."]


@pytest.mark.parametrize("key", ["batchsize", "batch_size", "batchSzie"])
def test_a_key_that_is_nearly_one_of_the_servers_is_logged(key: str, caplog: pytest.LogCaptureFixture) -> None:
    assert server_settings({key: 4, "fan_in": 3, "pt2": {}}) == {}
    assert caplog.messages == [f"The key {key} in a model's configuration is left to its handler; is batchSize meant?"]
