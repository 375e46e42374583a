"""Models by name: their archives, versions, workers, traffic and snapshots, on one event loop."""
