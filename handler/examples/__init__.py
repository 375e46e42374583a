"""Archives to look at, to serve at once, and to copy."""
