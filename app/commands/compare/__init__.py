"""The command `marserve compare`."""
