"""The command `marserve fleet`."""
