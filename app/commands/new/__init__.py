"""The command `marserve new`."""
