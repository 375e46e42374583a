"""The targets of `marserve optimize`: forms that a model can be brought into."""
