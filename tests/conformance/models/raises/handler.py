"""Fails in the stage and in the way that the client names, and counts its successes."""

import os
import sys
import threading

from ts.torch_handler.base_handler import BaseHandler
from ts.utils.util import PredictionException

ERRORS = {
    "value": ValueError("a wrong value"),
    "assert": AssertionError("a false claim"),
    "runtime": RuntimeError("something else"),
    "memory": MemoryError("only said so"),
    "cuda": RuntimeError("CUDA out of memory. Only said so."),
    "prediction_default": PredictionException("no code given"),
}


def fail(ask):
    kind = ask["raise"]
    if kind in ERRORS:
        raise ERRORS[kind]
    if kind == "prediction":
        raise PredictionException(ask.get("message", "the caller erred"), ask.get("code", 513))
    if kind == "exit":
        sys.exit(3)
    if kind == "os_exit":
        os._exit(1)
    if kind == "late_exit":
        threading.Timer(0.5, os._exit, [1]).start()


class Raises(BaseHandler):
    def initialize(self, context):
        self.successes = 0

    def preprocess(self, data):
        return self.pass_through("preprocess", [row["body"] for row in data])

    def inference(self, asks):
        return self.pass_through("inference", asks)

    def postprocess(self, asks):
        self.pass_through("postprocess", asks)
        self.successes += 1
        return [{"survived": True, "answers_by_this_worker": self.successes} for _ in asks]

    def pass_through(self, stage, asks):
        for ask in asks:
            if ask["stage"] == stage:
                fail(ask)
        return asks
