"""Triton's protocol over HTTP: routes, and the fast path of inference."""
