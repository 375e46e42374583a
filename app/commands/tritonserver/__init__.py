"""The `tritonserver` command, with the original's flags, ports and exit status."""
