"""Takes 20 ms for a batch and 1 ms for each of its rows, as a model on a GPU does, whatever the machine is."""

import time


class Slow:
    def initialize(self, context):
        """Nothing to load."""

    def handle(self, rows, context):
        time.sleep(0.020 + 0.001 * len(rows))
        return [{"echo": row["body"]} for row in rows]
