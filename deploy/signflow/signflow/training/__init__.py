"""Synthetic signs, and two models that learn them."""
