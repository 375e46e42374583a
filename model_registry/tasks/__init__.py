"""Work beside the event loop: shielded from its callers, or on threads of its own."""
