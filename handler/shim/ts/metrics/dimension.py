"""A metric's label with its value."""


class Dimension:
    """A label of a metric, such as ModelName, and its value."""

    def __init__(self, name, value):
        self.name = name
        self.value = value

    def __repr__(self):
        return f"<Dimension {self}>"

    def __str__(self):
        return f"{self.name}:{self.value}"

    def to_dict(self):
        """The dimension as TorchServe's JSON has it."""
        return {"Name": self.name, "Value": self.value}
