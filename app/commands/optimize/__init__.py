"""The command `marserve optimize`."""
