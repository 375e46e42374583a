"""Keys that do not do what one may expect of them are named at the start."""

from pathlib import Path

import pytest

from app.settings.key_warnings import WITHOUT_EFFECT
from app.settings.loading import marserve_settings
from app.settings.model import KEYS


def warnings(folder: Path, *lines: str, **environ: str) -> tuple[str, ...]:
    (folder / "config.properties").write_text("\n".join(lines) + "\n", encoding="utf-8")
    return marserve_settings(environ, folder).warnings


def test_an_unknown_key_is_named_with_its_place_and_the_key_that_was_meant(tmp_path: Path) -> None:
    assert warnings(tmp_path, "job_queue_size=3", "job_que_size=3", "zzz=1", "python=/usr/bin/python") == (
        "config.properties, line 2: the unknown key job_que_size is ignored; is job_queue_size meant?",
        "config.properties, line 3: the unknown key zzz is ignored.",
    )


def test_a_key_without_effect_says_why(tmp_path: Path) -> None:
    assert warnings(tmp_path, "debug=true", "vmargs=-Xmx1g", TS_SYSTEM_METRICS_CMD="true") == (
        "variable TS_SYSTEM_METRICS_CMD: system_metrics_cmd has no effect: the server reads the system metrics itself.",
        "config.properties, line 2: vmargs has no effect: there is no Java here.",
    )


def test_each_key_without_effect_is_a_setting() -> None:
    assert WITHOUT_EFFECT.keys() <= KEYS


@pytest.mark.parametrize(
    ("key", "hint"),
    [
        ("metrics_format", "; is metrics_mode meant?"),
        ("response_timeout", "; is default_response_timeout meant?"),
        ("workers", "; is default_workers_per_model meant?"),
        ("jobQueueSize", "; it is a key of an archive's model-config.yaml, or job_queue_size here."),
        ("minWorkers", "; it is a key of an archive's model-config.yaml, or default_workers_per_model here."),
        ("deviceIds", "; it is a key of an archive's model-config.yaml."),
        ("TS_JOB_QUEUE_SIZE", "; is job_queue_size meant?"),
        ("Model-Store", "; is model_store meant?"),
        ("inference_adress", "; is inference_address meant?"),
        ("zzz", "."),
    ],
)
def test_the_hint_names_the_key_that_does_the_job(tmp_path: Path, key: str, hint: str) -> None:
    (warning,) = warnings(tmp_path, f"{key}=1")
    assert warning == f"config.properties, line 1: the unknown key {key} is ignored{hint}"


def test_one_line_says_that_torchserve_ignores_a_default(tmp_path: Path) -> None:
    assert warnings(tmp_path, "batch_size=8", "max_batch_delay=20") == (
        "batch_size=8 and max_batch_delay=20 will be the default of models that name none; TorchServe ignores it.",
    )
    assert warnings(tmp_path) == ()


def test_a_variable_that_is_nearly_a_keys_is_pointed_out(tmp_path: Path) -> None:
    environ = {"TS_JOB_QUE_SIZE": "3", "TS_JOB_QUEUE_SIZE": "3", "MARSERVE_LOG_FORMT": "json", "TS_OF_OTHERS": "x"}
    assert warnings(tmp_path, **environ) == (
        "variable MARSERVE_LOG_FORMT is ignored; is MARSERVE_LOG_FORMAT meant?",
        "variable TS_JOB_QUE_SIZE is ignored; is TS_JOB_QUEUE_SIZE meant?",
    )
