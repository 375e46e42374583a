"""Streaming, timing and micro-batching for handlers."""
