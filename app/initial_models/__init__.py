"""Models to load at start: those of the settings, of the arguments of `marserve serve`, and the samples."""
