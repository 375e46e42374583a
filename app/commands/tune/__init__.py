"""The command `marserve tune`."""
