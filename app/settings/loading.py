"""The settings of each command: its sources in their order of precedence."""

import argparse
from collections import ChainMap
from collections.abc import Iterator, Mapping
from pathlib import Path

from pydantic import ValidationError

from app.settings.errors import ConfigurationError
from app.settings.key_warnings import key_warnings, variable_warnings
from app.settings.kserve import as_runtime, runtime_defaults
from app.settings.last_snapshot import check_archives, newest_snapshot
from app.settings.model import PATH_KEYS, Authorization, Settings
from app.settings.remote_store import separate_remote_store, with_remote_store
from app.settings.sagemaker import PORT as SAGEMAKER_PORT
from app.settings.sagemaker import as_endpoint, sagemaker_source
from app.settings.sources import CommandDefaults, CommandLine, Entry, EnvironmentVariables, PropertiesFile, Source
from app.settings.types import ListenAddress, parse_port
from app.settings.variables import ALWAYS_READ, OUR_VARIABLES, TS_VARIABLES

_GRPC_APIS = ("inference", "management")
_FOLDERS = {"model_store": "--model-store", "workflow_store": "--workflow-store"}
_PLATFORM_VARIABLES = {"K_SERVICE", "FLY_APP_NAME", "KUBERNETES_SERVICE_HOST"}
_PORT_VARIABLES = (SAGEMAKER_PORT, "PORT")
_TORCHSERVE_DEFAULTS = {"log_location": "logs", "metrics_location": "logs"}
_MARSERVE_DEFAULTS = {
    "metrics_mode": "prometheus",
    "marserve_metrics": "true",
    "enable_model_api": "true",
    "default_workers_per_model": "1",
}
_NOT_GIVEN = {"management_token", *_TORCHSERVE_DEFAULTS}


def torchserve_settings(arguments: argparse.Namespace, environ: Mapping[str, str], cwd: Path) -> Settings:
    """Settings of the `torchserve` command; raises ConfigurationError.

    TS_* variables count only with enable_envvars_config=true, and then more than the command line, as in TorchServe.
    """
    snapshot = None if arguments.no_config_snapshots else newest_snapshot(environ, cwd)
    file = _configuration_file(arguments.ts_config or snapshot, environ, cwd)
    sources = [
        _enabled_variables(file, environ),
        CommandLine(vars(arguments)),
        EnvironmentVariables(environ, OUR_VARIABLES | ALWAYS_READ),
        file,
        CommandDefaults(_TORCHSERVE_DEFAULTS | runtime_defaults(environ)),
    ]
    if "model_store" not in _in_force(sources):
        raise ConfigurationError("Missing mandatory parameter --model-store")
    settings = _validated(sources, cwd, environ)
    settings = settings.replace(
        authorization="off" if settings.disable_token_authorization else "all",
        snapshots=not arguments.no_config_snapshots,
        grpc_apis=_GRPC_APIS,
        config_file=file.name,
        warnings=(
            *key_warnings(file, _in_force(sources)),
            *variable_warnings(environ),
            *_ignored_options(arguments),
        ),
    )
    return as_runtime(settings, environ)


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

    `overrides` are settings by key. Where `authorization` is None, the address decides, so it must be the one that is
    listened on: on loopback and off any known platform, no token is needed. disable_token_authorization=true always
    turns tokens off.
    """
    file = _configuration_file(ts_config, environ, cwd)
    variables = EnvironmentVariables(environ, TS_VARIABLES | OUR_VARIABLES)
    platform = sagemaker_source(environ)
    sources = [CommandLine(overrides), variables, platform, file, CommandDefaults(_MARSERVE_DEFAULTS)]
    settings, in_force = _validated(sources, cwd, environ), _in_force(sources)
    address = _one_address(settings.inference_address, host, port, environ)
    if authorization is None:
        is_private = address.is_loopback and not _PLATFORM_VARIABLES & environ.keys()
        authorization = "off" if is_private else "management"
    settings = settings.replace(
        **dict.fromkeys(("inference_address", "management_address", "metrics_address"), address),
        authorization="off" if settings.disable_token_authorization else authorization,
        one_port=True,
        **_reloaded(reload, settings, cwd),
        grpc_apis=tuple(api for api in _GRPC_APIS if f"grpc_{api}_port" in in_force),
        config_file=file.name,
        warnings=(
            *key_warnings(file, _in_force(sources)),
            *variable_warnings(environ),
            *_other_addresses(in_force, address),
        ),
    )
    return as_endpoint(settings, environ)


def _in_force(sources: list[Source]) -> Mapping[str, Entry]:
    """The entry of each key that wins."""
    return ChainMap(*(source.entries for source in sources))


def _validated(sources: list[Source], cwd: Path, environ: Mapping[str, str]) -> Settings:
    """The settings of these sources, the first of which wins, with absolute paths; raises ConfigurationError."""
    remote_store = separate_remote_store(sources, environ)
    in_force = _in_force(sources)
    for key, option in _FOLDERS.items():
        if key in in_force and not (cwd / in_force[key].text).is_dir():
            raise ConfigurationError(f"{option} directory not found: {in_force[key].text}")
    try:
        settings = Settings.from_sources(*sources)
    except ValidationError as invalid:
        error = invalid.errors()[0]
        key = str(error["loc"][0])
        raise in_force[key].invalid(key, str(error["ctx"]["error"])) from None
    settings = settings.replace(
        **{key: cwd / getattr(settings, key) for key in PATH_KEYS & in_force.keys()},
        given={key: entry.text for key, entry in in_force.items() if key not in _NOT_GIVEN},
        places={key: entry.place for key, entry in in_force.items()},
    )
    settings = with_remote_store(settings, remote_store)
    check_archives(settings)
    return settings


def _configuration_file(name: str | None, environ: Mapping[str, str], cwd: Path) -> PropertiesFile:
    """The file in force: the one that TS_CONFIG_FILE names, the named one, or config.properties if there is one."""
    name = environ.get("TS_CONFIG_FILE") or name
    if name and not (cwd / name).is_file():
        raise ConfigurationError(f"--ts-config file not found: {name}")
    default = "config.properties" if (cwd / "config.properties").is_file() else None
    return PropertiesFile(name or default, cwd, environ)


def _enabled_variables(file: PropertiesFile, environ: Mapping[str, str]) -> EnvironmentVariables:
    """The TS_* variables that the file lets count."""
    if not file.is_true("enable_envvars_config"):
        return EnvironmentVariables(environ, {})
    hidden = set() if file.is_true("use_env_allowed_urls") else {"allowed_urls"}
    return EnvironmentVariables(environ, {name: key for name, key in TS_VARIABLES.items() if key not in hidden})


def _reloaded(folder: str | None, settings: Settings, cwd: Path) -> dict[str, Path]:
    """The folder of --reload, which is the model store as well where there is no other."""
    if folder is None:
        return {}
    path = cwd / folder
    if not path.is_dir():
        raise ConfigurationError(f"--reload directory not found: {folder}")
    return {"reload": path, "model_store": settings.model_store or path}


def _one_address(
    configured: ListenAddress, host: str | None, port: int | str | None, environ: Mapping[str, str]
) -> ListenAddress:
    """The configured address, with the host and port of the options or the platform's variable put in."""
    variable = next((name for name in _PORT_VARIABLES if environ.get(name)), "PORT")
    entry = Entry(environ.get(variable, ""), f"variable {variable}")
    if port is not None:
        entry = Entry(str(port), "option --port")
    if configured.scheme == "unix":
        if not (host or entry.text):
            return configured
        configured = ListenAddress("http", "127.0.0.1", 8080)
    try:
        number = parse_port(entry.text) if entry.text else configured.port
    except ValueError as error:
        raise entry.invalid("port", str(error)) from None
    return ListenAddress(configured.scheme, (host or configured.host).strip("[]"), number)


def _ignored_options(arguments: argparse.Namespace) -> Iterator[str]:
    if arguments.log_config:
        yield "option --log-config: log4j files are not read; see log_format."


def _other_addresses(in_force: Mapping[str, Entry], address: ListenAddress) -> Iterator[str]:
    for key in ("management_address", "metrics_address"):
        entry = in_force.get(key)
        if entry and entry.text not in (str(address), in_force.get("inference_address", entry).text):
            yield f"{entry.place}: {key} is ignored, as everything is served on {address}."
