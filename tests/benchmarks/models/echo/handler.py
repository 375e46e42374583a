"""Gives back what it gets: the serving around a handler, with no model in it."""


class Echo:
    def initialize(self, context):
        """Nothing to load."""

    def handle(self, rows, context):
        return [{"echo": row["body"]} for row in rows]
