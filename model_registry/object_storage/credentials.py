"""Options that the storage library does not find itself: profiles of AWS's files, and Google's variable for emulators.

It knows the rest of the platforms' chains: variables, web identity, containers, metadata, Azure's emulator.
"""

import json
from collections.abc import Mapping
from configparser import ConfigParser, Error
from pathlib import Path

GIVEN_BY = (
    "AWS_ACCESS_KEY_ID", "AWS_WEB_IDENTITY_TOKEN_FILE", "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI",
    "AWS_CONTAINER_CREDENTIALS_FULL_URI", "AWS_SKIP_SIGNATURE",
)  # fmt: skip
KEYS = ("aws_access_key_id", "aws_secret_access_key", "aws_session_token")


def profile_options(environ: Mapping[str, str]) -> dict[str, str]:
    """The options of the profile that AWS_PROFILE names, or of the default one; {} where they are not needed."""
    folder, profile = Path(environ.get("HOME", "/nonexistent"), ".aws"), environ.get("AWS_PROFILE", "default")
    if any(name in environ for name in GIVEN_BY):
        return {}
    keys = _section(Path(environ.get("AWS_SHARED_CREDENTIALS_FILE") or folder / "credentials"), profile)
    named = profile if profile == "default" else f"profile {profile}"
    settings = _section(Path(environ.get("AWS_CONFIG_FILE") or folder / "config"), named)
    options = {name: value for name, value in {**settings, **keys}.items() if name in KEYS}
    region, endpoint = settings.get("region"), settings.get("endpoint_url")
    if region and not environ.get("AWS_REGION") and not environ.get("AWS_DEFAULT_REGION"):
        options["aws_region"] = region
    if endpoint and not environ.get("AWS_ENDPOINT_URL"):
        options["aws_endpoint"] = endpoint
    return options


def emulator_options(environ: Mapping[str, str]) -> dict[str, str]:
    """The options for the server that STORAGE_EMULATOR_HOST names, as Google's clients read it; {} without it."""
    host = environ.get("STORAGE_EMULATOR_HOST", "")
    if not host:
        return {}
    address = host if "://" in host else f"http://{host}"
    key = {"gcs_base_url": address, "disable_oauth": True, "client_email": "", "private_key": "", "private_key_id": ""}
    return {"google_service_account_key": json.dumps(key)}


def allows_http(scheme: str, environ: Mapping[str, str], options: Mapping[str, str]) -> bool:
    """Whether the store is at an address without TLS, by a variable or a profile."""
    if scheme == "gs":
        return bool(options) and not environ["STORAGE_EMULATOR_HOST"].startswith("https://")
    return (environ.get("AWS_ENDPOINT_URL") or options.get("aws_endpoint", "")).startswith("http://")


def _section(path: Path, name: str) -> dict[str, str]:
    parser = ConfigParser(interpolation=None)
    try:
        parser.read(path)
    except (Error, OSError, UnicodeDecodeError):
        return {}
    return dict(parser[name]) if name in parser else {}
