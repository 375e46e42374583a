"""A model that answers texts in capitals, in batches."""

HANDLER = """
    class Upper:
        def initialize(self, context):
            pass
        def handle(self, data, context):
            texts = [row.get("body") or row.get("data") for row in data]
            texts = [each.decode() if isinstance(each, (bytes, bytearray)) else str(each) for each in texts]
            if "fail" in texts:
                raise ValueError("the text says so")
            return [each.upper() for each in texts]
"""
CONFIG = """
    minWorkers: 2
    maxWorkers: 4
    batchSize: 8
    maxBatchDelay: 5
    warmup:
      - text: hello
"""
