"""Aids for the tests of handlers."""
