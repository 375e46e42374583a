"""One loaded handler: what turns the front end's messages into calls of it, and its results into messages.

The server does without it; adapters that serve archives elsewhere, and tests of handlers, do not.
"""

import logging
import os
import time

from ts.context import Context, RequestProcessor
from ts.protocol.otf_message_handler import create_predict_response
from ts.utils.util import PredictionException, get_yaml_config
from ts.version import __version__

__all__ = [
    "PREDICTION_METRIC",
    "Context",
    "PredictionException",
    "RequestProcessor",
    "Service",
    "create_predict_response",
    "emit_metrics",
    "get_yaml_config",
]

PREDICTION_METRIC = "PredictionTime"
logger = logging.getLogger(__name__)


class Service:
    """Calls `entry_point(rows, context)`; the context is made of the other arguments."""

    cl_socket = None

    def __init__(
        self,
        model_name,
        model_dir,
        manifest,
        entry_point,
        gpu,
        batch_size,
        limit_max_image_pixels=True,
        metrics_cache=None,
    ):
        config_file = ((manifest or {}).get("model") or {}).get("configFile")
        config = get_yaml_config(os.path.join(model_dir, config_file)) if config_file else {}
        self._context = Context(
            model_name,
            model_dir,
            manifest,
            batch_size,
            gpu,
            __version__,
            limit_max_image_pixels,
            metrics_cache,
            config,
        )
        self._entry_point = entry_point

    def __repr__(self):
        return f"<Service of {self._context.model_name}>"

    @property
    def context(self):
        """The handler's context."""
        return self._context

    @staticmethod
    def retrieve_data_for_inference(batch):
        """Three parallel values for a batch of messages: request processors, rows, and {index: request id}.

        A message is {"requestId": bytes, "headers": [{"name": bytes, "value": bytes}], "parameters": [{"name": ...,
        "contentType": ..., "value": ...}]}. None raises ValueError.
        """
        if batch is None:
            raise ValueError("Received invalid inputs")
        processors, rows, request_ids = [], [], {}
        for index, message in enumerate(batch):
            parameters = message["parameters"]
            headers = {each["name"]: {"content-type": each["contentType"]} for each in parameters}
            headers |= {each["name"].decode(): each["value"].decode() for each in message.get("headers") or ()}
            processors.append(RequestProcessor(headers))
            rows.append({each["name"]: each["value"] for each in parameters})
            request_ids[index] = message["requestId"].decode()
        return processors, rows, request_ids

    def set_cl_socket(self, cl_socket):
        """Where pieces of streams are sent."""
        self.cl_socket = cl_socket

    def predict(self, batch):
        """The message that answers a batch of messages; whatever the handler raises becomes an answer."""
        processors, rows, request_ids = self.retrieve_data_for_inference(batch)
        context = self._context
        context.request_ids, context.request_processor, context.cl_socket = request_ids, processors, self.cl_socket
        context.metrics.request_ids = request_ids
        began = time.time()
        try:
            results = self._entry_point(rows, context)
        except Exception as error:
            logger.warning("Invoking custom service failed.", exc_info=True)
            return create_predict_response(None, request_ids, *refusal_of(error))
        return response_to(results, context, began)


def response_to(results, context, began):
    """The message that answers the context's batch with what its handler returned; it has taken since `began`."""
    request_ids = context.request_ids
    if not isinstance(results, list):
        logger.warning("model: %s, Invalid return type: %s.", context.model_name, type(results))
        return create_predict_response(None, request_ids, "Invalid model predict output", 503)
    if len(results) != len(request_ids):
        logger.warning(
            "model: %s, number of batch response mismatched, expect: %d, got: %d.",
            context.model_name,
            len(request_ids),
            len(results),
        )
        return create_predict_response(None, request_ids, "number of batch response mismatched", 503)
    context.metrics.add_time(PREDICTION_METRIC, round((time.time() - began) * 1000, 2))
    return create_predict_response(results, request_ids, "Prediction success", 200, context=context)


def refusal_of(error):
    """The text and the status code of the answer to a batch whose handler raised."""
    if isinstance(error, PredictionException):
        return error.message, error.error_code
    if isinstance(error, MemoryError) or "CUDA" in str(error):
        return "Out of resources", 507
    return "Prediction failed", 503


def emit_metrics(metrics):
    """Log each metric of a MetricsStore's `store`; None counts as empty."""
    for metric in metrics or ():
        logger.info("[METRICS]%s", metric)
