"""The error of a configuration with which no server can start."""


class ConfigurationError(Exception):
    """The server must not start; the message is one line that says why."""
