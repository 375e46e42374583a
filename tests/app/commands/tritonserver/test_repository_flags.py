import argparse

from app.commands.options import marserve_parser
from app.commands.tritonserver.repository_flags import REPOSITORY_FLAGS, add_repository_flags


def test_every_flag_is_named() -> None:
    parser = argparse.ArgumentParser()
    add_repository_flags(parser.add_argument_group("models"))
    assert {*vars(parser.parse_args([]))} == {*REPOSITORY_FLAGS}


def test_the_model_store_of_marserve_is_another_option() -> None:
    arguments = marserve_parser().parse_args(["serve", "--model-store", "store", "--model-repository", "models"])
    assert (arguments.model_store, [*map(str, arguments.model_repository)]) == ("store", ["models"])
