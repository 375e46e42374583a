"""`marserve profile`: packs the distributions of sample requests and their answers into an archive, for drift."""

import argparse
import asyncio
import sys
import zipfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from app.commands.parser import CommandParser
from app.commands.progress import show_progress
from app.commands.sample_requests import InvalidSample, Sample, read_samples
from app.settings.errors import ConfigurationError

if TYPE_CHECKING:
    from model_registry.drift.features import Value
    from model_registry.version import ModelVersion

COPY_BYTES = 1 << 20
_EPILOG = """\
examples:
  marserve profile mlp.mar --requests samples/          samples/ holds bodies of requests, a file each
  marserve profile mlp.mar --requests recorded.jsonl --output mlp-profiled.mar

A server compares live traffic with the profile once it is told to: PUT /models/mlp/1.0/drift (docs/traffic.md).
Exit status: 0, 1 if the model does not load or too few requests succeed, 2 for wrong arguments.
"""


class NotProfiled(Exception):
    """No profile can be made; the text is the reason."""


def main(argv: Sequence[str] | None = None) -> int:
    """Make the profile that the arguments ask for; returns the exit status."""
    arguments = make_parser().parse_args(argv)
    try:
        if not zipfile.is_zipfile(arguments.archive):
            raise InvalidSample(f"{arguments.archive} is no .mar file; for a folder, put the profile into it instead")
        samples = [sample for path in arguments.requests for sample in read_samples(path)]
    except (InvalidSample, OSError) as error:
        print(f"marserve profile: {error}", file=sys.stderr)
        return 2
    try:
        text, count = asyncio.run(make_profile(arguments.archive, samples))
    except (NotProfiled, ConfigurationError) as error:
        print(f"marserve profile: {error}", file=sys.stderr)
        return 1
    target = arguments.output or arguments.archive
    write_profile(arguments.archive, target, text)
    print(f"{target} holds the profile of {count} requests.")
    return 0


def make_parser() -> argparse.ArgumentParser:
    """The options of `marserve profile`."""
    parser = CommandParser(
        prog="marserve profile",
        description="Sends sample requests to a model and packs the distributions of requests and answers into its "
        "archive, so that a server can tell when live traffic drifts away from them.",
        epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    add = parser.add_argument
    add("archive", metavar="ARCHIVE", type=Path, help="a .mar file")
    add("--requests", metavar="PATH", nargs="+", type=Path, required=True, help="folders or files of sample requests")
    add("--output", metavar="FILE", type=Path, help="archive to write; the archive itself by default")
    return parser


async def make_profile(path: Path, samples: Sequence[Sample]) -> tuple[str, int]:
    """The profile as JSON and the number of requests in it. Raises NotProfiled and ConfigurationError."""
    from app.commands.check.runner import HandlerOutput, make_registration, make_settings
    from app.model_server import ModelServer
    from handler.errors import LoadFailed
    from model_registry.drift.profile import InvalidProfile, Profile
    from model_registry.errors import RegistryError

    settings = make_settings(path, None)
    application = ModelServer(settings, HandlerOutput(settings, lambda line: None))
    try:
        version = application.factory.make(*application.factory.open(make_registration(path, None)))
        try:
            await version.scale(1, 1)
            profile = Profile.of(await _features(version, samples))
        finally:
            await version.close(1.0)
    except (RegistryError, LoadFailed, InvalidProfile) as error:
        raise NotProfiled(f"{error} ({error.__cause__})" if error.__cause__ else str(error)) from error
    finally:
        await application.stop()
    return profile.to_json(), profile.samples


def write_profile(archive: Path, target: Path, text: str) -> None:
    """Write a copy of the archive with this profile, in one step, also over the archive itself."""
    from model_registry.drift.profile import PROFILE_FILE
    from model_registry.files.atomic_file import atomic_file

    with atomic_file(target) as file, zipfile.ZipFile(archive) as old, zipfile.ZipFile(file, "w") as new:
        for entry in old.infolist():
            if entry.filename != PROFILE_FILE:
                with old.open(entry) as source, new.open(entry, "w") as copy:
                    while chunk := source.read(COPY_BYTES):
                        copy.write(chunk)
        new.writestr(PROFILE_FILE, text, zipfile.ZIP_DEFLATED)


async def _features(version: "ModelVersion", samples: Sequence[Sample]) -> "list[Mapping[str, Value]]":
    """The features of the requests that succeed, and of their answers."""
    from app.http.request import new_request_id
    from app.http.request_body import parse_body
    from handler.errors import HandlerError
    from handler.job import Input, Output
    from model_registry.drift.sampling import sample_features

    found: list[Mapping[str, Value]] = []
    for number, sample in enumerate(samples, 1):
        parts = parse_body(sample.body or b"", sample.headers.get("Content-Type", ""))
        try:
            answer = await version.predict(Input(parts, tuple(sample.headers.items())), new_request_id())
        except HandlerError:
            continue
        if isinstance(answer, Output) and answer.status < 400:
            found.append(sample_features(parts, bytes(answer.body)))
        show_progress(f"{number} of {len(samples)} requests")
    show_progress("")
    return found
