"""Credentials from a profile of AWS's own files, where nothing in the environment gives any.

The storage library knows the rest of the platforms' chains itself: variables, web identity, containers, metadata.
"""

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


def _section(path: Path, name: str) -> dict[str, str]:
    parser = ConfigParser(interpolation=None)
    try:
        parser.read(path)
    except (Error, OSError, UnicodeDecodeError):
        return {}
    return dict(parser[name]) if name in parser else {}
