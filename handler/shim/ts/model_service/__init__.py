"""Services in the style of MXNet Model Server, which TorchServe grew out of."""
