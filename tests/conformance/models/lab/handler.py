"""Runs the program that the request is: `out` is the row's result, `whole` the result of the call."""


class Lab:
    def initialize(self, context):
        self.initialized = True

    def handle(self, data, context):
        results = []
        for index, row in enumerate(data):
            if context.get_request_header(index, "describe") == "True":
                program = context.get_request_header(index, "X-Code") or "out = {'d': 1}"
            else:
                program = row["body"]
            space = {"data": data, "context": context, "row": row, "index": index, "out": None}
            exec(program, space)
            if "whole" in space:
                return space["whole"]
            results.append(space["out"])
        return results
