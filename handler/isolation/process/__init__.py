"""State of a process that each worker has to itself: environment, folder, output, exit."""
