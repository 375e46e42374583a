"""A stand-in for the server's context, and model folders."""
