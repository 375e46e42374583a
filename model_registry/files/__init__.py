"""Files that are written whole, within bounds, and cleared after a crash."""
