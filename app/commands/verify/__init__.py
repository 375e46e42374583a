"""The command `marserve verify`."""
