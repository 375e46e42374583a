"""When a batch leaves, and how many jobs and threads it gets."""
