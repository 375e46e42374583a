"""One run of `marserve optimize`: each target is built, compared, measured and kept, and nothing is done twice."""

import contextlib
import hashlib
import json
import math
import platform
import shutil
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from app.commands.check.runner import make_registration, make_settings
from app.commands.optimize.agreement import Agreement, Limits, agreement
from app.commands.optimize.child import handler_source
from app.commands.optimize.child_process import ChildFailed, ChildProcess, run_build
from app.commands.optimize.derived_archive import ArchiveWriter, HandlerSource
from app.commands.optimize.measurement import Figures, Pair, measure_pair
from app.commands.optimize.recording import Recording
from app.commands.optimize.targets.registry import TARGETS
from app.commands.optimize.targets.target import Built
from app.release import version
from model_registry.archive.archive import Archive
from model_registry.archive.store import ModelStore

NO_TIME = "the time is over (--minutes)"
PACKAGES = ("torch", "onnx", "onnxruntime", "onnxscript", "torchao")


@dataclass(frozen=True, slots=True)
class Plan:
    """The archive, its samples, the targets and their limits; times in seconds."""

    archive: Path
    samples: Sequence[Path]
    targets: Sequence[str]
    out: Path
    limits: Limits = field(default_factory=Limits)
    neighbours: int = 400
    batch_sizes: Sequence[int] = (1, 8)
    measure_seconds: float = 0.5
    total_seconds: float = 900.0
    target_seconds: float = 180.0

    def fingerprint(self) -> str:
        """A hash of all that results depend on."""
        digest = hashlib.sha256()
        for file in (self.archive, *self.samples):
            digest.update(_content(file))
        options = [asdict(self.limits), self.neighbours, list(self.batch_sizes), self.measure_seconds, version()]
        digest.update(json.dumps(options).encode())
        return digest.hexdigest()


@dataclass(frozen=True, slots=True)
class Result:
    """A target: its archive with figures, or the reason why there is none."""

    target: str
    archive: str = ""
    reason: str = ""
    agreement: Agreement | None = None
    pair: Pair | None = None
    notes: Sequence[str] = ()
    is_from_before: bool = False

    @property
    def ok(self) -> bool:
        """Whether its archive has been written."""
        return not self.reason

    def as_json(self) -> dict[str, Any]:
        """For machines, and for a later run."""
        return {
            "target": self.target, "ok": self.ok, "archive": self.archive, "reason": self.reason,
            "agreement": self.agreement and self.agreement.as_json(), "notes": list(self.notes),
            "original": self.pair and self.pair.original.as_json(),
            "figures": self.pair and self.pair.target.as_json(), "gain": self.pair and self.pair.gain,
        }  # fmt: skip

    @classmethod
    def of_json(cls, fields: Mapping[str, Any]) -> "Result":
        """Read what `as_json` has written."""
        numbers: dict[str, Any] = dict(fields["agreement"] or {})
        numbers |= {key: math.inf for key in ("largest", "mean") if numbers and numbers[key] is None}
        pair = None
        if fields["figures"]:
            pair = Pair(Figures.of_json(fields["original"]), Figures.of_json(fields["figures"]))
        found = Agreement(**numbers) if numbers else None
        return cls(fields["target"], fields["archive"], fields["reason"], found, pair, tuple(fields["notes"]), True)


class CannotOptimize(Exception):
    """The original cannot be loaded or recorded; the text is the reason."""


@dataclass(slots=True)
class OptimizeSession:
    """Tries the targets one after the other; `show` gets a line about each step."""

    plan: Plan
    show: Callable[[str], None]
    deadline: float = 0.0
    results: list[Result] = field(default_factory=list)

    @property
    def work(self) -> Path:
        """The folder for what a later run may use."""
        return self.plan.out / ".marserve-optimize" / f"{self.plan.archive.stem}-{self.plan.fingerprint()[:12]}"

    def run(self) -> list[Result]:
        """The results of all targets. Raises CannotOptimize."""
        self.deadline = time.monotonic() + self.plan.total_seconds
        self.work.mkdir(parents=True, exist_ok=True)
        archive = _unpacked(self.plan.archive)
        try:
            self._run(archive)
        finally:
            archive.remove()
        return self.results

    def _run(self, archive: Archive) -> None:
        self.show("loading and recording the original")
        try:
            original = ChildProcess.of_archive(self.plan.archive, self.plan.samples, self._remaining())
            with original:
                handler = handler_source(original.call("handler", self._remaining()))
                recording = self._record(original, self.work / "original.npz")
                for name in self.plan.targets:
                    result = self._known(name) or self._try(name, archive, handler, recording, original)
                    self.results.append(result)
                    self._keep(result)
        except ChildFailed as error:
            raise CannotOptimize(str(error)) from error

    def _remaining(self) -> float:
        return max(0.0, min(self.plan.target_seconds, self.deadline - time.monotonic()))

    def _record(self, process: ChildProcess, file: Path) -> Recording:
        process.call("record", self._remaining(), file=str(file.absolute()), neighbours=self.plan.neighbours)
        return Recording.load(file)

    def _known(self, name: str) -> Result | None:
        """The result of an earlier run, if its archive is still there; what the time did not suffice for is tried."""
        try:
            fields = json.loads((self.work / f"{name}.json").read_text())
        except (OSError, ValueError):
            return None
        result = Result.of_json(fields)
        is_there = (self.plan.out / result.archive).is_file() if result.ok else "not within" not in result.reason
        return result if is_there and result.reason != NO_TIME else None

    def _keep(self, result: Result) -> None:
        (self.work / f"{result.target}.json").write_text(json.dumps(result.as_json(), indent=2))

    def _try(
        self, name: str, archive: Archive, handler: HandlerSource, recording: Recording, original: ChildProcess
    ) -> Result:
        if self.deadline - time.monotonic() <= 1:
            return Result(name, reason=NO_TIME)
        if reason := TARGETS[name].reason(handler.kind):
            return Result(name, reason=reason)
        folder = self.work / name
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir()
        try:
            self.show(f"{name}: building")
            built = self._build(name, handler, folder)
            return self._prove(name, ArchiveWriter(archive, handler, name, folder), built, recording, original)
        except ChildFailed as error:
            return Result(name, reason=NO_TIME if time.monotonic() >= self.deadline else str(error))

    def _build(self, name: str, handler: HandlerSource, folder: Path) -> Built:
        shared = self.work / "shared"
        shared.mkdir(exist_ok=True)
        seconds = self._remaining()
        head = {
            "target": name, "archive": str(self.plan.archive.absolute()), "kind": handler.kind,
            "recording": str((self.work / "original.npz").absolute()), "folder": str(folder.absolute()),
            "shared": str(shared.absolute()), "limits": asdict(self.plan.limits), "seconds": seconds / 2,
        }  # fmt: skip
        return Built(**run_build(head, seconds))

    def _prove(
        self, name: str, writer: ArchiveWriter, built: Built, recording: Recording, original: ChildProcess
    ) -> Result:
        """Write, load, compare and measure the archive in the first way that works. Raises ChildFailed."""
        stem = f"{self.plan.archive.stem}-{name}"
        ways, failure = writer.handler.ways(built), ChildFailed("there is no way to put it into the handler")
        for way in ways:
            file = writer.write(built, way, writer.work, stem, {})
            self.show(f"{name}: comparing")
            try:
                with ChildProcess.of_archive(file, self.plan.samples, self._remaining()) as process:
                    agreed = agreement(recording, self._record(process, writer.work / "recording.npz"))
                    if agreed.problem and way is not ways[-1]:
                        continue
                    return self._measured(name, (writer, built, way), agreed, (original, process), file)
            except ChildFailed as error:
                failure = error
        raise failure

    def _measured(
        self, name: str, parts: tuple[ArchiveWriter, Built, str], agreed: Agreement,
        processes: tuple[ChildProcess, ChildProcess], file: Path,
    ) -> Result:  # fmt: skip
        writer, built, way = parts
        notes = [*built.notes, *writer.notes]
        if rejection := agreed.rejection(self.plan.limits):
            return Result(name, reason=f"rejected: {rejection}", agreement=agreed, notes=notes)
        self.show(f"{name}: measuring")
        sizes = (self.plan.archive.stat().st_size if self.plan.archive.is_file() else 0, file.stat().st_size)
        pair = measure_pair(*processes, self.plan.batch_sizes, self.plan.measure_seconds, sizes)
        result = Result(name, file.name, agreement=agreed, pair=pair, notes=notes)
        provenance = {"result": result.as_json(), **self._provenance()}
        written = writer.write(built, way, self.plan.out, file.stem, provenance)
        return replace(result, archive=written.name)

    def _provenance(self) -> dict[str, Any]:
        from importlib import metadata

        packages = {}
        for package in PACKAGES:
            with contextlib.suppress(metadata.PackageNotFoundError):
                packages[package] = metadata.version(package)
        return {
            "original": self.plan.archive.name, "sha256": hashlib.sha256(_content(self.plan.archive)).hexdigest(),
            "marserve": version(), "packages": packages, "machine": platform.platform(),
            "created": datetime.now(UTC).isoformat(timespec="seconds"), "limits": asdict(self.plan.limits),
            "samples": len(self.plan.samples), "neighbours": self.plan.neighbours,
        }  # fmt: skip


def best(results: Sequence[Result]) -> Result | None:
    """The target that serves the most requests, if it serves more than the original."""
    written = [result for result in results if result.ok and result.pair is not None and result.pair.gain > 1]
    return max(written, key=lambda result: result.pair.gain if result.pair else 0.0, default=None)


def _unpacked(path: Path) -> Archive:
    settings = make_settings(path, None)
    store = ModelStore(settings.model_store, [], given=settings.given_archives)
    return store.open(make_registration(path, None).url)


def _content(file: Path) -> bytes:
    if file.is_dir():
        return b"".join(each.read_bytes() for each in sorted(file.rglob("*")) if each.is_file())
    return file.read_bytes()
