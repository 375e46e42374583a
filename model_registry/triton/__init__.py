"""Triton's model repositories: their folders and configurations, and the states of their models."""
