"""Backends of tensor models: each loads a model file as one instance, and executes batches with it."""
