"""Measures marserve, TorchServe and the handler without a server."""
