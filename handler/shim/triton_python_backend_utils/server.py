"""Calls of models to the server that they run in; the server sets `find`."""


class NoServer(RuntimeError):
    """The calling thread belongs to no model."""

    def __init__(self):
        super().__init__("this function works in models that a server runs, on their threads and those that they start")


def _outside():
    raise NoServer


find = _outside
"""Returns the server's side of the model that the calling thread belongs to.

It has the methods `infer(request, decoupled, on_response)`, `log(message, level)`, `load_model`, `unload_model`,
`is_model_ready` and `model_dir`.
"""


def current():
    return find()


def load_model(model_name, config="", files=None):
    """Load a model, and return once it is there; only where models are controlled explicitly."""
    current().load_model(model_name, config, dict(files or {}))


def unload_model(model_name, unload_dependents=False):
    """Unload a model; requests in flight are answered."""
    current().unload_model(model_name, unload_dependents)


def is_model_ready(model_name, model_version=""):
    """Whether a version, or any, serves."""
    return current().is_model_ready(model_name, str(model_version))


def get_model_dir():
    """The folder of the calling model's version."""
    return current().model_dir()
