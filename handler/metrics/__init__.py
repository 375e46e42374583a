"""Metrics: TorchServe's families and our own, as Prometheus series and as log lines."""
