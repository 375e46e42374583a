"""The APIs that KServe's clients, probes and controllers meet on the port of a runtime."""
