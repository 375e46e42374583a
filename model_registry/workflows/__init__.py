"""Workflows: models and functions joined to a graph."""
