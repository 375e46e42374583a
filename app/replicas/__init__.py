"""Replicas that share one desired state: making, following and awaiting it."""
