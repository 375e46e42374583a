"""What authors of handlers use in their tests."""
