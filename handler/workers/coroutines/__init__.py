"""Handlers that are coroutines, on an event loop of their worker's own."""
