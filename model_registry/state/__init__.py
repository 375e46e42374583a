"""One desired state for several replicas: a document that each changes by compare-and-set, and that all follow."""
