"""Metrics that handlers emit; the modules are named as TorchServe's."""
