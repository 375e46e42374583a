"""Says whether the package that its requirements name can be imported."""

try:
    import sample_package

    FOUND = sample_package.WORD
except ImportError:
    FOUND = None


class Requiring:
    def initialize(self, context):
        pass

    def handle(self, data, context):
        return [{"sample_package": FOUND} for _ in data]
