"""Kubernetes' autoscaling of a deployment of marserve, simulated: its control loop against a load curve."""
