"""Checks of configurations, in the words of Triton's core."""
