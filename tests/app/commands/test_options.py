"""The options of the commands, as argparse reads them."""

import pytest

from app.commands.options import marserve_parser, torchserve_parser


@pytest.mark.parametrize("option", ["--ncs", "--no-config-snapshots"])
def test_torchserve_keeps_the_short_forms(option: str) -> None:
    arguments = torchserve_parser().parse_args([option, "--dt", "--ppath", "plugins", "--models", "a=a.mar", "b.mar"])
    assert (arguments.no_config_snapshots, arguments.disable_token_authorization) == (True, True)
    assert (arguments.plugins_path, arguments.load_models) == ("plugins", ["a=a.mar", "b.mar"])


def test_torchserve_takes_abbreviations_as_the_original_does() -> None:
    assert torchserve_parser().parse_args(["--model-st", "store"]).model_store == "store"


def test_serve_names_its_settings_by_their_keys() -> None:
    words = ["serve", "--model-store", "s", "--models", "all", "--log-format", "json", "--port", "9000"]
    arguments = vars(marserve_parser().parse_args(words))
    assert arguments["command"] == "serve"
    assert [arguments[key] for key in ("model_store", "load_models", "log_format", "port")] == [
        "s", ["all"], "json", "9000",
    ]  # fmt: skip


def test_no_command_is_no_error() -> None:
    assert marserve_parser().parse_args([]).command is None
