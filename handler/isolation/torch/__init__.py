"""State of torch that each worker has to itself."""
