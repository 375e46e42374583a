"""The command `marserve export`."""
