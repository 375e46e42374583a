"""The old home of `send_intermediate_predict_response`; the new one is `ts.handler_utils.utils`."""

from ts.handler_utils.utils import send_intermediate_predict_response

__all__ = ["send_intermediate_predict_response"]
