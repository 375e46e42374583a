"""The precedence of configurations, and the errors of wrong ones."""

from pathlib import Path

import pytest

from app.commands.options import torchserve_parser
from app.settings.errors import ConfigurationError
from app.settings.loading import marserve_settings, torchserve_settings
from app.settings.model import Settings
from app.settings.types import InitialModel, ListenAddress
from tests.support.configuration import refusal, write

LOCAL = ListenAddress("http", "127.0.0.1", 8080)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A working folder with a model store and no configuration."""
    (tmp_path / "store").mkdir()
    return tmp_path


def torchserve(folder: Path, *flags: str, **environ: str) -> Settings:
    arguments = torchserve_parser().parse_args(["--start", "--model-store", "store", *flags])
    return torchserve_settings(arguments, environ, folder)


# --- torchserve: the original's rules ---


def test_without_configuration_everything_is_as_torchserve_has_it(folder: Path) -> None:
    settings = torchserve(folder)
    assert [str(settings.inference_address), str(settings.management_address), str(settings.metrics_address)] == [
        "http://127.0.0.1:8080",
        "http://127.0.0.1:8081",
        "http://127.0.0.1:8082",
    ]
    assert settings.authorization == "all"
    assert not settings.enable_model_api
    assert settings.metrics_mode == "log"
    assert not settings.marserve_metrics
    assert settings.snapshots
    assert settings.log_location == settings.metrics_location == folder / "logs"
    assert settings.model_store == folder / "store"


def test_flags_are_settings(folder: Path) -> None:
    settings = torchserve(folder, "--models", "a=a.mar", "b.mar", "--dt", "--enable-model-api", "--ncs")
    assert settings.load_models == (InitialModel("a", "a.mar"), InitialModel(None, "b.mar"))
    assert settings.authorization == "off"
    assert settings.enable_model_api
    assert not settings.snapshots


def test_the_file_in_the_folder_is_read_without_being_named(folder: Path) -> None:
    write(folder, "job_queue_size=7")
    settings = torchserve(folder)
    assert (settings.job_queue_size, settings.config_file) == (7, "config.properties")


def test_a_named_file_wins_over_the_one_in_the_folder_and_the_environment_names_it_first(folder: Path) -> None:
    write(folder, "job_queue_size=7")
    write(folder, "job_queue_size=8", name="b.properties")
    write(folder, "job_queue_size=9", name="c.properties")
    assert torchserve(folder, "--ts-config", "b.properties").job_queue_size == 8
    assert torchserve(folder, "--ts-config", "b.properties", TS_CONFIG_FILE="c.properties").job_queue_size == 9


def test_a_named_file_has_to_be_there(folder: Path) -> None:
    with pytest.raises(ConfigurationError, match=r"^--ts-config file not found: b\.properties$"):
        torchserve(folder, "--ts-config", "b.properties")


def test_the_command_line_wins_over_the_file(folder: Path) -> None:
    write(folder, "model_store=nowhere", "load_models=c.mar", "disable_token_authorization=false")
    settings = torchserve(folder, "--models", "a.mar", "--disable-token-auth")
    assert settings.model_store == folder / "store"
    assert settings.load_models == (InitialModel(None, "a.mar"),)
    assert settings.authorization == "off"


def test_variables_do_nothing_unless_the_file_enables_them(folder: Path) -> None:
    assert torchserve(folder, TS_JOB_QUEUE_SIZE="7", TS_ENABLE_ENVVARS_CONFIG="true").job_queue_size == 100
    write(folder, "enable_envvars_config=true", "job_queue_size=8")
    assert torchserve(folder, TS_JOB_QUEUE_SIZE="7").job_queue_size == 7


def test_enabled_variables_win_over_the_command_line_as_in_torchserve(folder: Path) -> None:
    write(folder, "enable_envvars_config=true")
    settings = torchserve(
        folder, "--models", "a.mar", "--dt", TS_LOAD_MODELS="b", TS_DISABLE_TOKEN_AUTHORIZATION="false"
    )
    assert settings.load_models == (InitialModel(None, "b"),)
    assert settings.authorization == "all"


def test_allowed_urls_come_from_the_environment_only_when_the_file_says_so(folder: Path) -> None:
    write(folder, "enable_envvars_config=true", "allowed_urls=a,b")
    assert torchserve(folder, TS_ALLOWED_URLS="c").allowed_urls == ("a", "b")
    write(folder, "enable_envvars_config=true", "use_env_allowed_urls=true", "allowed_urls=a,b")
    assert torchserve(folder, TS_ALLOWED_URLS="c").allowed_urls == ("c",)


def test_a_model_store_is_needed_and_may_be_configured(folder: Path) -> None:
    arguments = torchserve_parser().parse_args(["--start"])
    with pytest.raises(ConfigurationError, match=r"^Missing mandatory parameter --model-store$"):
        torchserve_settings(arguments, {}, folder)
    write(folder, "model_store=store")
    assert torchserve_settings(arguments, {}, folder).model_store == folder / "store"


@pytest.mark.parametrize("option", ["--model-store", "--workflow-store"])
def test_the_stores_have_to_be_there(folder: Path, option: str) -> None:
    with pytest.raises(ConfigurationError, match=f"^{option} directory not found: nowhere$"):
        torchserve(folder, option, "nowhere")


def test_logs_go_where_the_environment_says(folder: Path) -> None:
    settings = torchserve(folder, LOG_LOCATION="elsewhere", METRICS_LOCATION="/numbers")
    assert (settings.log_location, settings.metrics_location) == (folder / "elsewhere", Path("/numbers"))


def test_a_log4j_file_is_accepted_with_a_word_about_it(folder: Path) -> None:
    assert torchserve(folder, "--log-config", "log4j.xml").warnings == (
        "option --log-config: log4j files are not read; see log_format.",
    )


def test_what_was_configured_is_kept_as_it_was_written(folder: Path) -> None:
    """A snapshot repeats it, unknown keys included."""
    write(folder, "workflow_store=./store", "nonsense=1", "management_token=secret")
    assert torchserve(folder, "--models", "a.mar").given == {
        "model_store": "store",
        "workflow_store": "./store",
        "load_models": "a.mar",
        "nonsense": "1",
    }


# --- marserve serve and uvicorn app:main: one address ---


def test_marserve_needs_no_configuration(folder: Path) -> None:
    settings = marserve_settings({}, folder)
    assert settings.inference_address == settings.management_address == settings.metrics_address == LOCAL
    assert settings.metrics_mode == "prometheus"
    assert settings.marserve_metrics
    assert settings.enable_model_api
    assert settings.model_store is None
    assert settings.load_models == ()
    assert settings.log_location is settings.metrics_location is None
    assert not settings.snapshots
    assert settings.warnings == ()


def test_options_win_over_variables_which_win_over_the_file(folder: Path) -> None:
    write(folder, "job_queue_size=1", "max_request_size=1", "log_format=json", "metrics_mode=log")
    environ = {"TS_JOB_QUEUE_SIZE": "2", "TS_MAX_REQUEST_SIZE": "2", "MARSERVE_LOG_FORMAT": "text"}
    settings = marserve_settings(environ, folder, job_queue_size=3)
    assert (settings.job_queue_size, settings.max_request_size) == (3, 2)
    assert (settings.log_format, settings.metrics_mode) == ("text", "log")


def test_options_that_were_not_given_are_ignored(folder: Path) -> None:
    assert marserve_settings({"TS_JOB_QUEUE_SIZE": "2"}, folder, job_queue_size=None).job_queue_size == 2


@pytest.mark.parametrize(
    ("host", "port", "environ", "lines", "expected"),
    [
        (None, None, {}, [], "http://127.0.0.1:8080"),
        (None, None, {"PORT": "9000"}, [], "http://127.0.0.1:9000"),
        (None, 9001, {"PORT": "9000"}, [], "http://127.0.0.1:9001"),
        ("0.0.0.0", None, {}, ["inference_address=http://10.0.0.1:85"], "http://0.0.0.0:85"),
        (None, None, {"PORT": "9000"}, ["inference_address=https://10.0.0.1:85"], "https://10.0.0.1:9000"),
        ("::1", None, {}, [], "http://[::1]:8080"),
        (None, None, {}, ["inference_address=unix:/a.sock"], "unix:/a.sock"),
        (None, None, {"PORT": "9000"}, ["inference_address=unix:/a.sock"], "http://127.0.0.1:9000"),
        (None, 0, {}, [], "http://127.0.0.1:0"),
    ],
)
def test_the_one_address(
    folder: Path, host: str | None, port: int | None, environ: dict[str, str], lines: list[str], expected: str
) -> None:
    write(folder, *lines)
    settings = marserve_settings(environ, folder, host=host, port=port)
    assert str(settings.inference_address) == expected
    assert settings.inference_address == settings.management_address == settings.metrics_address


def test_another_address_in_the_file_is_ignored_with_a_word_about_it(folder: Path) -> None:
    write(folder, "inference_address=http://127.0.0.1:8080", "management_address=http://127.0.0.1:8081")
    assert marserve_settings({}, folder).warnings == (
        "config.properties, line 2: management_address is ignored, as everything is served on http://127.0.0.1:8080.",
    )


@pytest.mark.parametrize("port", ["x", "70000", "-1"])
def test_a_wrong_port_is_refused(folder: Path, port: str) -> None:
    expected = f"Invalid configuration: port={port} (variable PORT): expected a port number from 0 to 65535"
    assert refusal(folder, PORT=port) == expected


@pytest.mark.parametrize(
    ("environ", "options", "lines", "expected"),
    [
        ({}, {}, [], "off"),
        ({}, {"host": "0.0.0.0"}, [], "management"),
        ({}, {"authorization": "management"}, [], "management"),
        ({"K_SERVICE": "a"}, {}, [], "management"),
        ({"FLY_APP_NAME": "a"}, {}, [], "management"),
        ({"KUBERNETES_SERVICE_HOST": "a"}, {}, [], "management"),
        ({"K_SERVICE": "a"}, {}, ["disable_token_authorization=true"], "off"),
    ],
)
def test_management_is_open_only_on_a_private_address(
    folder: Path, environ: dict[str, str], options: dict[str, str], lines: list[str], expected: str
) -> None:
    write(folder, *lines)
    assert marserve_settings(environ, folder, **options).authorization == expected  # type: ignore[arg-type]


def test_the_management_token_comes_from_the_environment_and_is_shown_nowhere(folder: Path) -> None:
    settings = marserve_settings({"MARSERVE_MANAGEMENT_TOKEN": "open sesame"}, folder)
    assert settings.management_token == "open sesame"
    assert "sesame" not in repr(settings)
    assert "open sesame" not in settings.given.values()


# --- what is said about a wrong one ---


def test_what_only_the_start_decides_cannot_be_configured(folder: Path) -> None:
    write(folder, "authorization=off", "snapshots=true")
    settings = marserve_settings({"K_SERVICE": "a"}, folder)
    assert (settings.authorization, settings.snapshots) == ("management", False)
    assert len(settings.warnings) == 2


def test_files_are_looked_for_from_the_working_folder(folder: Path) -> None:
    write(folder, "model_store=store", "metrics_config=metrics.yaml", "certificate_file=/etc/a.pem")
    settings = marserve_settings({"LOG_LOCATION": "logs"}, folder)
    assert settings.model_store == folder / "store"
    assert settings.metrics_config == folder / "metrics.yaml"
    assert settings.certificate_file == Path("/etc/a.pem")
    assert (settings.log_location, settings.metrics_location) == (folder / "logs", None)
