"""Answers requests for a description without the help of BaseHandler."""


class Describe:
    def initialize(self, context):
        pass

    def handle(self, data, context):
        if context.get_request_header(0, "describe") != "True":
            return ["predicted"]
        if context.get_request_header(0, "X-Describe") == "json":
            return ['{"from": "text"}']
        return [{"rows": len(data), "row": str(data[0])}]
