"""Workers that hold many requests at once, on threads and in processes."""
