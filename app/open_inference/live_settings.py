"""The settings of logging and tracing that clients may change while the server runs, and the shared memory regions."""

import logging
from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from typing import Any

from app.open_inference.json_values import internal, is_unsigned, leading_number
from app.open_inference.shared_memory import SharedMemory
from app.settings.triton import LogSettings, TritonSettings
from handler.tensors.errors import Code, TensorError

FORMATS = ("default", "ISO8601")
LOGGER = "marserve"
LEVELS = ("OFF", "TIMESTAMPS", "TENSORS")
COUNTS = ("trace_rate", "trace_count", "log_frequency")
CHANGEABLE = ("trace_level", *COUNTS)
SIGNED_32 = 2**31


@dataclass(frozen=True, slots=True)
class TraceSettings:
    """The settings of tracing, as the texts that clients see. They are kept; traces are another matter."""

    trace_level: tuple[str, ...] = ("OFF",)
    trace_rate: str = "1000"
    trace_count: str = "-1"
    log_frequency: str = "0"
    trace_file: str = ""
    trace_mode: str = "triton"


class LiveSettings:
    """All that the clients of one server have set."""

    def __init__(self, settings: TritonSettings | None) -> None:
        self.shared_memory = SharedMemory()
        self._log = settings.log if settings is not None else LogSettings()
        self._trace = TraceSettings()
        self._model_traces: dict[str, dict[str, Any]] = {}

    def __repr__(self) -> str:
        return f"<LiveSettings {self._log}>"

    @property
    def log(self) -> dict[str, Any]:
        """The log settings by the names that clients have for them."""
        settings = self._log
        return {
            "log_file": settings.file,
            "log_info": settings.info,
            "log_warning": settings.warning,
            "log_error": settings.error,
            "log_verbose_level": settings.verbose_level,
            "log_format": settings.format,
        }

    def change_log(self, changes: Mapping[str, Any]) -> None:
        """Change log settings; unknown ones, and None, are ignored. Raises TensorError, and then changes nothing."""
        changes = {name: value for name, value in changes.items() if value is not None}
        if "log_file" in changes:
            raise TensorError("log file location can not be updated through network protocol", Code.UNSUPPORTED)
        switches = {name: changes[f"log_{name}"] for name in ("info", "warning", "error") if f"log_{name}" in changes}
        if not all(isinstance(value, bool) for value in switches.values()):
            raise internal("attempt to access JSON non-boolean as boolean")
        level = changes.get("log_verbose_level", self._log.verbose_level)
        if not is_unsigned(level):
            raise internal("attempt to access JSON non-unsigned-integer as unsigned-integer")
        form = changes.get("log_format", self._log.format)
        if not isinstance(form, str):
            raise internal("attempt to access JSON non-string as string")
        if form not in FORMATS:
            raise TensorError(f"invalid argument for --log_format, got: {form}", Code.UNAVAILABLE)
        self._log = replace(self._log, **switches, verbose_level=level, format=form)
        apply_log_settings(self._log)

    def trace(self, model: str | None) -> dict[str, Any]:
        """The trace settings of the server, or those that are in force for a model."""
        settings = {**asdict(self._trace), **self._model_traces.get(model or "", {})}
        return {**settings, "trace_level": list(settings["trace_level"])}

    def change_trace(self, model: str | None, changes: Mapping[str, Any]) -> None:
        """Change trace settings; None takes a setting back. Unknown ones are ignored. Raises TensorError."""
        if "trace_file" in changes:
            raise TensorError("trace file location can not be updated through network protocol", Code.UNSUPPORTED)
        known = {name: value for name, value in changes.items() if name in CHANGEABLE}
        for name in COUNTS:
            if known.get(name) is not None:
                known[name] = _count(name, known[name])
        if known.get("trace_level") is not None:
            known["trace_level"] = self._levels(known["trace_level"])
        if model is None:
            defaults = asdict(TraceSettings())
            self._trace = replace(self._trace, **{
                name: defaults[name] if value is None else value for name, value in known.items()
            })  # fmt: skip
            return
        own = self._model_traces.setdefault(model, {})
        for name, value in known.items():
            if value is None:
                own.pop(name, None)
            else:
                own[name] = value

    def _levels(self, values: Any) -> tuple[str, ...]:
        if not isinstance(values, list):
            raise internal("attempt to access JSON non-array as array")
        if not all(isinstance(value, str) for value in values):
            raise internal("attempt to access JSON non-string as string")
        if "OFF" in values and len(values) > 1:
            raise TensorError("Expect only one trace level 'OFF' is specified")
        chosen = tuple(value for value in values if value in LEVELS) or ("OFF",)
        if chosen != ("OFF",) and not self._trace.trace_file:
            raise TensorError("Attempting to set invalid trace setting :trace file name is not given")
        return chosen


def apply_log_settings(settings: LogSettings) -> None:
    """Let the server's log show what the settings want."""
    if settings.verbose_level:
        level = logging.DEBUG
    elif settings.info:
        level = logging.INFO
    elif settings.warning:
        level = logging.WARNING
    else:
        level = logging.ERROR if settings.error else logging.CRITICAL
    logging.getLogger(LOGGER).setLevel(level)


def _count(name: str, text: Any) -> str:
    """A number as clients see it, read as C's stoi does; those that cannot be negative wrap around."""
    if not isinstance(text, str):
        raise internal("attempt to access JSON non-string as string")
    number = leading_number(text)
    if number is None:
        raise TensorError(f"Unable to parse '{name}', got: {text}")
    is_signed = name == "trace_count"
    if not -SIGNED_32 <= number < SIGNED_32:
        bounds = f"-1, {SIGNED_32 - 1}" if is_signed else f"0, {2 * SIGNED_32 - 1}"
        raise TensorError(f"Unable to parse '{name}', value is out of range [ {bounds} ], got: {text}")
    if is_signed and number < -1:
        raise TensorError(f"Unable to parse '{name}'. Expecting value >= -1, got:{text}")
    return str(number if is_signed else number % (2 * SIGNED_32))
