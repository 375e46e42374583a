"""HTTP/1.1 as TorchServe's clients see it: connections, calls, answers."""
