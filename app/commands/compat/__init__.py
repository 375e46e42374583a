"""The command `marserve compat`."""
