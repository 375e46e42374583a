"""The configurations of models: read, completed, checked, and what follows from them."""
