"""Workers: the threads and processes that load and run handlers."""
