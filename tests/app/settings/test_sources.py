"""Entries of files, variables and options, each with its place."""

from pathlib import Path

import pytest

from app.settings.errors import ConfigurationError
from app.settings.model import Settings
from app.settings.sources import CommandDefaults, CommandLine, Entry, EnvironmentVariables, PropertiesFile


def file(folder: Path, *lines: str, **environ: str) -> PropertiesFile:
    (folder / "config.properties").write_text("\n".join(lines) + "\n", encoding="utf-8")
    return PropertiesFile("config.properties", folder, environ)


def test_each_entry_knows_its_place(tmp_path: Path) -> None:
    assert file(tmp_path, "# a comment", "job_queue_size = 3 ").entries == {
        "job_queue_size": Entry("3", "config.properties, line 2")
    }
    assert EnvironmentVariables({"TS_X": " 3 "}, {"TS_X": "job_queue_size"}).entries == {
        "job_queue_size": Entry("3", "variable TS_X")
    }
    assert CommandLine({"load_models": ["a", "b"], "debug": True, "log_format": "json"}).entries == {
        "load_models": Entry("a,b", "option --models"),
        "debug": Entry("true", "option --debug"),
        "log_format": Entry("json", "option --log-format"),
    }
    assert CommandDefaults({"debug": "true"}).entries == {"debug": Entry("true", "the default")}


def test_options_that_were_not_given_are_no_entries() -> None:
    assert CommandLine({"debug": False, "log_format": None, "command": "serve"}).entries == {}


def test_no_file_has_no_entries(tmp_path: Path) -> None:
    assert PropertiesFile(None, tmp_path, {}).entries == {}


def test_the_first_source_wins(tmp_path: Path) -> None:
    source = file(tmp_path, "job_queue_size=1", "io_ratio=1", "not_a_setting=1")
    settings = Settings.from_sources(CommandLine({"job_queue_size": 2}), source)
    assert (settings.job_queue_size, settings.io_ratio) == (2, 1)


def test_values_of_a_file_take_in_environment_variables(tmp_path: Path) -> None:
    lines = ("cors_allowed_origin=https://$$NAME$$.$$ZONE$$", "cors_allowed_headers=$$")
    entries = file(tmp_path, *lines, NAME="a", ZONE="example").entries
    assert [entry.text for entry in entries.values()] == ["https://a.example", "$$"]
    with pytest.raises(ConfigurationError, match="expected the environment variable NAME to be set"):
        file(tmp_path, *lines)


def test_variables_do_not_take_in_others() -> None:
    assert EnvironmentVariables({"X": "$$A$$", "A": "a"}, {"X": "vmargs"}).entries["vmargs"].text == "$$A$$"


def test_an_empty_value_counts_as_not_set(tmp_path: Path) -> None:
    assert set(file(tmp_path, "default_service_handler=", "job_queue_size= ", "debug=true").entries) == {"debug"}
    assert EnvironmentVariables({"X": " "}, {"X": "debug", "Y": "vmargs"}).entries == {}


@pytest.mark.parametrize("content", [b"a=\\u12", b"a=\xff"])
def test_a_file_that_cannot_be_read_is_named(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "config.properties").write_bytes(content)
    with pytest.raises(ConfigurationError, match=r"^Invalid configuration: cannot read config\.properties: "):
        PropertiesFile("config.properties", tmp_path, {})


def test_a_switch_is_true_where_it_is_set(tmp_path: Path) -> None:
    source = file(tmp_path, "debug=true", "enable_model_api=false", "ipex_enable=maybe")
    assert [source.is_true(key) for key in ("debug", "enable_model_api", "enable_envvars_config")] == [
        True,
        False,
        False,
    ]
    with pytest.raises(
        ConfigurationError, match=r"ipex_enable=maybe \(config.properties, line 3\): expected true or false"
    ):
        source.is_true("ipex_enable")
