"""Tells the version of its archive and the name that it is served by."""


class Ver:
    def initialize(self, context):
        self.version = context.manifest["model"]["modelVersion"]

    def handle(self, data, context):
        return [{"version": self.version, "name": context.model_name}] * len(data)
