"""Sample archives: their handlers, models and configuration."""
