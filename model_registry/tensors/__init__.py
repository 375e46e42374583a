"""Versions whose requests are tensors: models with workers, and ensembles of models."""
