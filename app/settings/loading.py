"""Which configuration wins: the layers of the `torchserve` command and of marserve's own, folded into Settings."""

import argparse
from collections import ChainMap
from collections.abc import Mapping
from dataclasses import fields
from pathlib import Path

from app.settings import sources
from app.settings.last_snapshot import check_archives, newest_snapshot
from app.settings.model import Authorization, Settings, WrongValue
from app.settings.sources import ConfigurationError, Entry, Layer
from app.settings.types import ListenAddress, port_number, truth

Stack = Mapping[str, Entry]

OUR_VARIABLES = {
    "LOG_LOCATION": "log_location",
    "METRICS_LOCATION": "metrics_location",
    "MARSERVE_ALLOW_PICKLES": "allow_pickles",
    "MARSERVE_CHECK_MEMORY": "check_memory",
    "MARSERVE_DRAIN_TIMEOUT": "drain_timeout",
    "MARSERVE_HUNG_WORKERS_LIMIT": "hung_workers_limit",
    "MARSERVE_KEEP_SERIALIZED_FILES": "keep_serialized_files",
    "MARSERVE_LOG_FORMAT": "log_format",
    "MARSERVE_MANAGEMENT_TOKEN": "management_token",
    "MARSERVE_METRICS": "marserve_metrics",
}
_FACTS = {"authorization", "snapshots", "one_port", "grpc_apis", "config_file", "given", "warnings", "reload"}
KEYS = {each.name for each in fields(Settings)} - _FACTS
TS_VARIABLES = {
    key.upper() if key.startswith("ts_") else f"TS_{key.upper()}": key for key in KEYS - set(OUR_VARIABLES.values())
} | {"TS_TOKEN_EXPIRATION_TIME_MIN": "token_expiration_min"}

_ALWAYS = {"TS_OPEN_INFERENCE_PROTOCOL": "ts_open_inference_protocol"}
"""Counts without enable_envvars_config as well."""
_SILENT = {"python", "version", "tsConfigFile", "model_server_home"}  # in snapshots and in SageMaker's file
_GRPC_APIS = ("inference", "management")
_FOLDERS = {"model_store": "--model-store", "workflow_store": "--workflow-store"}
_FILES = {"metrics_config", "private_key_file", "certificate_file", "keystore", "log_location", "metrics_location"}
_PLATFORMS = {"K_SERVICE", "FLY_APP_NAME", "KUBERNETES_SERVICE_HOST"}
_LOGS = {key: Entry("logs", "the default") for key in ("log_location", "metrics_location")}
_READY_TO_USE = {
    "metrics_mode": Entry("prometheus", "the default"),
    "marserve_metrics": Entry("true", "the default"),
    "enable_model_api": Entry("true", "the default"),
    "default_workers_per_model": Entry("1", "the default"),
}


def torchserve_settings(arguments: argparse.Namespace, environ: Mapping[str, str], cwd: Path) -> Settings:
    """Settings of the `torchserve` command; raises ConfigurationError.

    TS_* variables count only with enable_envvars_config=true, and then more than the command line, as TorchServe does.
    """
    resumed = None if arguments.no_config_snapshots else newest_snapshot(environ, cwd)
    shown = _configuration_file(arguments.ts_config or resumed, environ, cwd)
    written = _written(shown, environ, cwd)
    options = sources.from_options({key: value for key, value in vars(arguments).items() if key in KEYS})
    ours = sources.from_environment(environ, {**OUR_VARIABLES, **_ALWAYS})
    stack = ChainMap(_enabled_variables(written, environ), options, ours, written, _LOGS)
    if "model_store" not in stack:
        raise ConfigurationError("Missing mandatory parameter --model-store")
    settings = _settings(stack, cwd)
    return settings.but(
        authorization="off" if settings.disable_token_authorization else "all",
        snapshots=not arguments.no_config_snapshots,
        grpc_apis=_GRPC_APIS,
        config_file=shown,
        warnings=(*sources.unknown_keys(written, KEYS | _SILENT), *_ignored_options(arguments)),
    )


def marserve_settings(
    environ: Mapping[str, str],
    cwd: Path,
    *,
    host: str | None = None,
    port: int | str | None = None,
    ts_config: str | None = None,
    reload: str | None = None,
    authorization: Authorization | None = None,
    **overrides: object,
) -> Settings:
    """Settings of `marserve serve` and of `uvicorn app:main`: one address for all APIs; raises ConfigurationError.

    `overrides` are settings by key and win over TS_* variables, which win over the file. Where `authorization` is left
    open, the address decides, so it must be the one that is listened on: on loopback and off any known platform, no
    token is asked for. disable_token_authorization=true always has its way.
    """
    shown = _configuration_file(ts_config, environ, cwd)
    written = _written(shown, environ, cwd)
    variables = sources.from_environment(environ, TS_VARIABLES | OUR_VARIABLES)
    stack = ChainMap(sources.from_options(overrides), variables, written, _READY_TO_USE)
    settings = _settings(stack, cwd)
    address = _one_address(settings.inference_address, host, port, environ)
    is_private = address.is_loopback and not _PLATFORMS & environ.keys()
    authorization = authorization or ("off" if is_private else "management")
    return settings.but(
        **dict.fromkeys(("inference_address", "management_address", "metrics_address"), address),
        authorization="off" if settings.disable_token_authorization else authorization,
        one_port=True,
        **_followed(reload, settings, cwd),
        grpc_apis=tuple(api for api in _GRPC_APIS if f"grpc_{api}_port" in stack),
        config_file=shown,
        warnings=(*sources.unknown_keys(written, KEYS | _SILENT), *_other_addresses(stack, address)),
    )


def _followed(folder: str | None, settings: Settings, cwd: Path) -> dict[str, Path]:
    """What follows from --reload: the folder, which is the model store as well where there is no other."""
    if folder is None:
        return {}
    path = cwd / folder
    if not path.is_dir():
        raise ConfigurationError(f"--reload directory not found: {folder}")
    return {"reload": path, "model_store": settings.model_store or path}


def _configuration_file(wanted: str | None, environ: Mapping[str, str], cwd: Path) -> str | None:
    """The file in force, as it was named: TS_CONFIG_FILE's, the wanted one, or config.properties if there is one."""
    named = environ.get("TS_CONFIG_FILE") or wanted
    if named and not (cwd / named).is_file():
        raise ConfigurationError(f"--ts-config file not found: {named}")
    return named or ("config.properties" if (cwd / "config.properties").is_file() else None)


def _written(shown: str | None, environ: Mapping[str, str], cwd: Path) -> Layer:
    return sources.from_file(cwd / shown, shown, environ) if shown else {}


def _enabled_variables(written: Layer, environ: Mapping[str, str]) -> Layer:
    if not _is_on("enable_envvars_config", written):
        return {}
    found = sources.from_environment(environ, TS_VARIABLES)
    if _is_on("use_env_allowed_urls", written):
        return found
    return {key: entry for key, entry in found.items() if key != "allowed_urls"}


def _is_on(key: str, layer: Layer) -> bool:
    try:
        return key in layer and truth(layer[key].text)
    except ValueError as error:
        raise layer[key].invalid(key, str(error)) from None


def _ignored_options(arguments: argparse.Namespace) -> list[str]:
    return ["option --log-config: log4j files are not read; see log_format."] if arguments.log_config else []


def _settings(stack: Stack, cwd: Path) -> Settings:
    for key, option in _FOLDERS.items():
        if key in stack and not (cwd / stack[key].text).is_dir():
            raise ConfigurationError(f"{option} directory not found: {stack[key].text}")
    texts = {key: entry.text for key, entry in stack.items() if key in KEYS}
    paths = {key: cwd / texts[key] for key in texts.keys() & {*_FOLDERS, *_FILES}}
    given = {key: entry.text for key, entry in stack.items() if key not in {"management_token", *_LOGS}}
    try:
        settings = Settings(**{**texts, **paths, "given": given})  # type: ignore[arg-type]
    except WrongValue as error:
        raise stack[error.key].invalid(error.key, str(error)) from None
    check_archives(settings)
    return settings


def _one_address(
    configured: ListenAddress, host: str | None, port: int | str | None, environ: Mapping[str, str]
) -> ListenAddress:
    """The configured address, with the host and port of the options or the platform's PORT put in."""
    wanted = Entry(str(port), "option --port") if port is not None else Entry(environ.get("PORT", ""), "variable PORT")
    if configured.scheme == "unix":
        if not (host or wanted.text):
            return configured
        configured = ListenAddress("http", "127.0.0.1", 8080)
    try:
        number = port_number(wanted.text) if wanted.text else configured.port
    except ValueError as error:
        raise wanted.invalid("port", str(error)) from None
    return ListenAddress(configured.scheme, (host or configured.host).strip("[]"), number)


def _other_addresses(stack: Stack, address: ListenAddress) -> list[str]:
    return [
        f"{stack[key].place}: {key} is ignored, as everything is served on {address}."
        for key in ("management_address", "metrics_address")
        if key in stack and stack[key].text not in (str(address), stack.get("inference_address", stack[key]).text)
    ]
