"""TorchServe's gRPC services and KServe's, in the server's own event loop."""
