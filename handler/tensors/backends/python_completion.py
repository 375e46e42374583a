"""Completes the configuration of a Python model by its own words, on a thread that is the model's for that time."""

import json
from concurrent.futures import Future
from threading import Thread
from typing import Any

import triton_python_backend_utils as pb_utils

from handler.isolation.process.output_capture import WriteLine
from handler.isolation.worker_environment import WorkerEnvironment
from handler.tensors.backends.python_errors import text_of
from handler.tensors.backends.python_model import Environment, entry_of
from handler.tensors.errors import Code, TensorError
from handler.tensors.spec import TensorServiceSpec


def complete_on_thread(spec: TensorServiceSpec, label: str, write_line: WriteLine) -> dict[str, Any]:
    """Import the model in an environment of its own, and have it complete its configuration; blocks.

    `label` names it in the log. Raises TensorError.
    """
    result: Future[dict[str, Any]] = Future()

    def run() -> None:
        environment = WorkerEnvironment(
            spec.folder, label, write_line, packages=spec.packages, environment=spec.environment,
            allow_pickles=spec.allow_pickles,
        )  # fmt: skip
        try:
            environment.enter()
            result.set_result(completed_config(spec, environment))
        except BaseException as error:  # a model's code raises anything, SystemExit included
            result.set_exception(
                error if isinstance(error, TensorError) else TensorError(text_of(error), Code.INTERNAL)
            )
        finally:
            environment.close()

    Thread(target=run, name=label, daemon=True).start()
    return result.result()


def completed_config(spec: TensorServiceSpec, environment: Environment) -> dict[str, Any]:
    """The configuration as the model's `auto_complete_config` completes it; raises TensorError."""
    config: dict[str, Any] = json.loads(spec.config)
    with environment.loading():
        try:
            complete = getattr(entry_of(spec, environment), "auto_complete_config", None)
            if complete is None:
                return config
            completed = complete(pb_utils.ModelConfig(config))
            if not isinstance(completed, pb_utils.ModelConfig):
                raise ValueError(
                    f"auto_complete_config function in model '{spec.model_name}' must return a valid pb.ModelConfig "
                    "object."
                )
        except TensorError:
            raise
        except Exception as error:
            raise TensorError(text_of(error), Code.INTERNAL) from error
    values: dict[str, Any] = completed.as_dict()
    return values
