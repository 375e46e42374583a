"""Sends pieces ahead of its answer."""

import time

from ts.handler_utils.utils import send_intermediate_predict_response


class Stream:
    def initialize(self, context):
        pass

    def handle(self, data, context):
        ask = data[0]["body"]
        for number in range(ask["count"]):
            piece = {"piece": number} if ask.get("json") else f"piece {number};"
            send_intermediate_predict_response([piece], context.request_ids, "one more piece", 200, context)
            time.sleep(0.05)
        return ["end"]
