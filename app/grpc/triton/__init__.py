"""Triton's gRPC service, `inference.GRPCInferenceService`: for models of repositories, and for archives."""
