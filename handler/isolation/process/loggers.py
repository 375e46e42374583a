"""The loggers of an archive's code: each worker has its own, and records never meet the server's handlers."""

import logging
import logging.config
from collections.abc import Callable, Iterator
from logging import Handler, Logger, LogRecord
from typing import Any

from handler.isolation.calling_archive import SERVER, directly_calling_archive
from handler.isolation.once import once
from handler.isolation.process.output_capture import LINE_END, OutputCapture
from handler.isolation.thread_inheritance import InheritedValue


class _WorkerOutputHandler(Handler):
    """The worker's root handler: "%(message)s" to its stdout, as TorchServe's worker is configured."""

    def __init__(self, output: OutputCapture) -> None:
        super().__init__()
        self._output = output

    def emit(self, record: LogRecord) -> None:
        try:
            for line in LINE_END.split(self.format(record)):
                self._output.write_line("stdout", line)
        except Exception:
            self.handleError(record)


class LoggerTree:
    """One worker's tree of loggers.

    Archive code gets its loggers from here, so that levels, handlers and names are its own. Libraries' loggers are the
    process's; on the worker's threads their records go the way that the worker's tree prescribes for their names.
    """

    def __init__(self, output: OutputCapture) -> None:
        self.root = logging.RootLogger(logging.INFO)
        self.manager = self.root.manager = logging.Manager(self.root)
        self.root.addHandler(_WorkerOutputHandler(output))

    def __repr__(self) -> str:
        return f"<LoggerTree, {len(self.manager.loggerDict)} loggers>"

    def logger(self, name: str | None) -> Logger:
        """The worker's logger of that name."""
        return self.manager.getLogger(name) if name and name != self.root.name else self.root

    def takes(self, logger: Logger) -> bool:
        """Return whether records of that logger on the worker's threads are to be routed here."""
        return logger.manager is not self.manager and logger.name.partition(".")[0] not in _SERVER_LOGGERS

    def enabled(self, logger: Logger, level: int) -> bool:
        """Return whether a library's logger lets a level pass, by the first level set on the way to the root."""
        if logger.disabled or self.manager.disable >= level:
            return False
        return level >= next((each.level for namesakes in self._way(logger) for each in namesakes if each.level), 0)

    def handle(self, logger: Logger, record: LogRecord) -> None:
        """Call the handlers on the way to the root."""
        for namesakes in self._way(logger):
            for handler in [handler for each in namesakes for handler in each.handlers]:
                if record.levelno >= handler.level:
                    handler.handle(record)
            if not all(each.propagate for each in namesakes):
                return

    def disable(self, level: int = logging.CRITICAL) -> None:
        """Do what `logging.disable` does."""
        self.manager.disable = level
        self.root.setLevel(self.root.level)  # makes all loggers forget what they knew to be enabled

    def _way(self, logger: Logger | None) -> Iterator[list[Logger]]:
        """The worker's own loggers and the library's of the same names; at last the worker's root alone."""
        while logger is not None and logger.parent is not None:
            own = self.manager.loggerDict.get(logger.name)
            yield [own, logger] if isinstance(own, Logger) else [logger]
            logger = logger.parent
        yield [self.root]


LOGGERS: InheritedValue[LoggerTree] = InheritedValue()

_SERVER_LOGGERS = SERVER | {"marserve"}


@once
def install() -> None:
    """Make `logging` aware of workers."""
    _replace_get_logger()
    _replace_method("isEnabledFor", lambda logs, _, logger, level: logs.enabled(logger, level))
    _replace_method("callHandlers", lambda logs, _, logger, record: logs.handle(logger, record))
    for name in ("setLevel", "addHandler", "removeHandler"):
        _replace_method(name, _on_own)
    _replace_disable()
    for module, name in ((logging, "basicConfig"), (logging.config, "dictConfig"), (logging.config, "fileConfig")):
        _replace_configuring(module, name)


def _on_own(logs: LoggerTree, original: Callable[..., Any], logger: Logger, *arguments: Any, **named: Any) -> Any:
    """Changes of a library's logger: by an archive they are its own, by a library they hold for all."""
    return original(logs.logger(logger.name) if directly_calling_archive() else logger, *arguments, **named)


def _replace_get_logger() -> None:
    original = logging.getLogger

    def get_logger(name: str | None = None) -> Logger:
        logs = LOGGERS.get() if directly_calling_archive() else None
        return logs.logger(name) if logs else original(name)

    logging.getLogger = get_logger


def _replace_disable() -> None:
    original = logging.disable

    def disable(level: int = logging.CRITICAL) -> None:
        logs = LOGGERS.get()
        (logs.disable if logs else original)(level)

    logging.disable = disable


def _replace_method(name: str, routed: Callable[..., Any]) -> None:
    original = getattr(Logger, name)

    def method(logger: Logger, *arguments: Any, **named: Any) -> Any:
        logs = LOGGERS.get()
        if logs is not None and logs.takes(logger):
            return routed(logs, original, logger, *arguments, **named)
        return original(logger, *arguments, **named)

    setattr(Logger, name, method)


def _replace_configuring(module: Any, name: str) -> None:
    """A worker's logging is configured already: `basicConfig` does nothing, as in TorchServe, nor do the others."""
    original = getattr(module, name)

    def configure(*arguments: Any, **named: Any) -> None:
        if LOGGERS.get() is None:
            original(*arguments, **named)

    setattr(module, name, configure)
