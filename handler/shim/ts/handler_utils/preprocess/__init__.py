"""Preparation of inputs by other libraries, which do not run here."""
