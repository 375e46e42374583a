"""Takes as many seconds as the client asks, and counts its answers."""

import time


class Slow:
    def initialize(self, context):
        self.answers = 0

    def handle(self, data, context):
        naps = [float(row["body"]["sleep"]) for row in data]
        time.sleep(max(naps))
        self.answers += 1
        return [{"slept": nap, "batch": len(data), "answers_by_this_worker": self.answers} for nap in naps]
