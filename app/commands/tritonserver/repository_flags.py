"""The flags of model repositories, which `tritonserver` and `marserve serve` share."""

import argparse
from pathlib import Path

from app.commands.tritonserver.flag_values import boolean, setting

REPOSITORY_FLAGS = (
    "model_repository", "model_control_mode", "repository_poll_secs", "load_model", "model_config_name",
    "strict_readiness", "disable_auto_complete_config", "strict_model_config", "backend_config", "cache_config",
)  # fmt: skip
"""Their names among parsed arguments."""


def add_repository_flags(group: argparse._ArgumentGroup, *synonyms: str) -> None:
    """Add the flags that name repositories, with other names of the first, and say how their models are loaded."""
    group.add_argument(
        "--model-repository", *synonyms, action="append", type=Path, default=[], metavar="DIR",
        help="a folder of models; may be given several times",
    )  # fmt: skip
    group.add_argument("--strict-readiness", type=boolean, default=True, help="be ready only while all models are")
    group.add_argument("--model-control-mode", choices=("none", "poll", "explicit"), default="none")
    group.add_argument("--repository-poll-secs", type=int, default=15, help="seconds between two looks, for poll")
    group.add_argument(
        "--load-model", action="append", default=[], metavar="NAME",
        help="for explicit: a model to load at the start, or * for all",
    )  # fmt: skip
    group.add_argument("--model-config-name", default="", help="use configs/NAME.pbtxt of models that have it")
    group.add_argument(
        "--disable-auto-complete-config", action="store_true", help="complete no configuration from model files"
    )
    group.add_argument("--strict-model-config", type=boolean, default=False, help="the same, deprecated")
    group.add_argument(
        "--backend-config", action="append", type=setting, default=[], metavar="BACKEND,KEY=VALUE",
        help="default-max-batch-size is heeded",
    )  # fmt: skip
    group.add_argument(
        "--cache-config", action="append", type=setting, default=[], metavar="CACHE,KEY=VALUE",
        help="local,size=BYTES caches responses",
    )  # fmt: skip
