"""Modules, import and `sys` as each archive sees them."""
