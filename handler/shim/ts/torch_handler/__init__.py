"""Handlers to inherit from, or to be named in a manifest as they are."""
