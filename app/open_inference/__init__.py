"""The bodies of the Open Inference Protocol with Triton's extensions: bytes become tensors, tensors become bytes."""
