"""Sets status, reason, content type and headers of its answer as the client asks."""


class Respond:
    def initialize(self, context):
        pass

    def handle(self, data, context):
        return [self.answer(number, row["body"], context) for number, row in enumerate(data)]

    def answer(self, number, ask, context):
        if "status" in ask:
            phrase = {"phrase": ask["phrase"]} if "phrase" in ask else {}
            context.set_response_status(code=ask["status"], idx=number, **phrase)
        if "content_type" in ask:
            context.set_response_content_type(number, ask["content_type"])
        for name, value in ask.get("headers", {}).items():
            context.set_response_header(number, name, value)
        if ask.get("read_back"):
            return {"status": context.get_response_status(number), "headers": context.get_response_headers(number)}
        return ask.get("body", "done")
