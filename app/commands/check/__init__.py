"""The command `marserve check`."""
