"""Model repositories as they lie on disk."""

import os
from pathlib import Path

import pytest

from model_registry.triton.config.config_forms import InvalidConfig
from model_registry.triton.repository import ModelRepository, Override

PYTHON = 'backend: "python" version_policy { all { } }'


def model(repository: Path, name: str = "m", config: str | None = PYTHON, versions: tuple[str, ...] = ("1",)) -> Path:
    for version in versions:
        (repository / name / version).mkdir(parents=True)
        (repository / name / version / "model.py").write_text("x = 1")
    if config is not None:
        (repository / name / "config.pbtxt").write_text(config)
    return repository / name


def test_every_folder_is_a_model(tmp_path: Path) -> None:
    model(tmp_path, "a")
    (tmp_path / "b").mkdir()
    (tmp_path / "stray.txt").touch()
    assert ModelRepository([tmp_path]).names() == {"a", "b"}


def test_a_definition_has_the_versions_of_the_policy(tmp_path: Path) -> None:
    model(tmp_path, versions=("10", "2", "007", "x", "0"))
    definition = ModelRepository([tmp_path]).read("m")
    assert definition.versions == [0, 2, 10]
    assert definition.config.default_model_filename == "model.py"
    assert definition.config.name == "m"
    assert definition.steps == ()


def test_a_configuration_is_not_needed_unless_it_is(tmp_path: Path) -> None:
    model(tmp_path, config=None)
    assert ModelRepository([tmp_path]).read("m").config.backend == "python"
    with pytest.raises(InvalidConfig, match="not completed"):
        ModelRepository([tmp_path], is_strict=True).read("m")


def test_a_configuration_may_be_chosen_by_name(tmp_path: Path) -> None:
    folder = model(tmp_path)
    (folder / "configs").mkdir()
    (folder / "configs" / "small.pbtxt").write_text(f"{PYTHON} max_batch_size: 2")
    assert ModelRepository([tmp_path], config_name="small").read("m").config.max_batch_size == 2
    assert ModelRepository([tmp_path], config_name="large").read("m").config.max_batch_size == 0


def test_a_name_in_two_repositories_is_in_none(tmp_path: Path) -> None:
    for name in "ab":
        model(tmp_path / name)
    repository = ModelRepository([tmp_path / "a", tmp_path / "b"])
    assert repository.names() == {"m"}
    with pytest.raises(InvalidConfig, match="in 2 repositories"):
        repository.read("m")
    with pytest.raises(InvalidConfig, match="in no repository"):
        repository.read("n")


def test_an_error_in_a_file_names_the_file(tmp_path: Path) -> None:
    model(tmp_path, config="no_such: 1")
    with pytest.raises(InvalidConfig, match=r"config\.pbtxt: failed to read text proto"):
        ModelRepository([tmp_path]).read("m")


def test_a_change_of_any_file_is_a_change(tmp_path: Path) -> None:
    folder = model(tmp_path)
    repository = ModelRepository([tmp_path])
    first = repository.read("m")
    assert repository.read("m").is_same(first)
    assert not first.is_same(None)
    os.utime(folder / "1" / "model.py", (1, 1))
    assert not repository.read("m").is_same(first)


def test_an_override_replaces_the_configuration(tmp_path: Path) -> None:
    model(tmp_path)
    config = ModelRepository([tmp_path]).read("m", Override('{"max_batch_size": 3}')).config
    assert (config.max_batch_size, config.backend) == (3, "python")
    with pytest.raises(InvalidConfig, match="directory name must equal model name"):
        ModelRepository([tmp_path]).read("m", Override('{"name": "other"}'))


def test_an_override_with_files_reads_nothing_else(tmp_path: Path) -> None:
    files = model(tmp_path / "elsewhere", "own", config=None, versions=("5",))
    definition = ModelRepository([tmp_path]).read("new", Override('{"backend": "python"}'), files)
    assert definition.versions == [5]
    assert definition.folder == files


def test_an_ensemble_needs_steps(tmp_path: Path) -> None:
    model(tmp_path, config='platform: "ensemble" ensemble_scheduling { }')
    with pytest.raises(InvalidConfig, match="must specify 'step'"):
        ModelRepository([tmp_path]).read("m")
