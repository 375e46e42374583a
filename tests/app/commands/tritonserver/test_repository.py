from pathlib import Path

import pytest

from app.commands.tritonserver.flags import parser
from app.commands.tritonserver.repository import repository_options
from app.settings.errors import ConfigurationError


def test_flags_become_options(tmp_path: Path) -> None:
    words = [f"--model-store={tmp_path}", "--model-control-mode=explicit", "--load-model=a", "--load-model=b",
             "--backend-config=onnxruntime,default-max-batch-size=9", "--cache-config=local,size=77",
             "--repository-poll-secs=0", "--strict-model-config=true"]  # fmt: skip
    options = repository_options(parser().parse_args(words), cpu_metrics=False)
    assert (options.mode, options.load_models, options.poll_seconds) == ("explicit", ["a", "b"], 1)
    launch = options.launch
    assert (launch.default_max_batch_size, launch.cache_bytes, launch.completes) == (9, 77, False)
    assert not options.cpu_metrics


def test_paths_are_absolute(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "models").mkdir()
    monkeypatch.chdir(tmp_path)
    assert repository_options(parser().parse_args(["--model-repository=models"])).paths == [tmp_path / "models"]


@pytest.mark.parametrize(
    "words",
    [["--load-model=a"], ["--model-control-mode=explicit", "--load-model=*", "--load-model=a"],
     ["--cache-config=redis,size=1"], ["--model-repository=nowhere"]],
)  # fmt: skip
def test_contradictions_are_refused(tmp_path: Path, words: list[str]) -> None:
    with pytest.raises(ConfigurationError):
        repository_options(parser().parse_args([f"--model-repository={tmp_path}", *words]))
