"""Archives side by side on threads: what each worker has to itself, as if it were a process."""
