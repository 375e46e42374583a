"""Tells each client how many rows came together; one bad row fails all."""

import time


class Batcher:
    def initialize(self, context):
        self.declared = context.system_properties["batch_size"]

    def handle(self, data, context):
        asks = [row["body"] for row in data]
        if any("raise" in ask for ask in asks):
            raise ValueError("a bad row among them")
        time.sleep(0.2)
        return [{"name": ask["name"], "rows": len(asks), "declared": self.declared} for ask in asks]
