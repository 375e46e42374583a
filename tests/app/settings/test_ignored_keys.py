"""Keys that change nothing are named at the start, with their place and the reason."""

from pathlib import Path

from app.settings.ignored_keys import WITHOUT_EFFECT
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
