"""Lines of models in the server's log."""

from triton_python_backend_utils import server


class Logger:
    """Writes through the server; below a level that it shows, a line is dropped."""

    class LogLevel:
        kInfo = 0
        kWarning = 1
        kError = 2
        kVerbose = 3

    INFO = LogLevel.kInfo
    WARNING = LogLevel.kWarning
    ERROR = LogLevel.kError
    VERBOSE = LogLevel.kVerbose

    @staticmethod
    def log(message, level=LogLevel.kInfo):
        server.current().log(str(message), level)

    @staticmethod
    def log_info(message):
        Logger.log(message, Logger.INFO)

    @staticmethod
    def log_warn(message):
        Logger.log(message, Logger.WARNING)

    @staticmethod
    def log_error(message):
        Logger.log(message, Logger.ERROR)

    @staticmethod
    def log_verbose(message):
        Logger.log(message, Logger.VERBOSE)
