"""marserve as an application of Ray Serve, which places, scales and restarts the replicas."""
