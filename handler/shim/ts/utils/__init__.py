"""Labels, classes, YAML and the exception with a status."""
