"""Models whose requests are named tensors: ONNX, TorchScript and Python models; batches count rows."""
