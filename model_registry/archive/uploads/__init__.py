"""Archives that clients send to a model store."""
