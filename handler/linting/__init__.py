"""Practices in an archive's source that threads or marserve would change."""
