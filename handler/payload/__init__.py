"""Requests as handlers get them, and results as clients get them."""
