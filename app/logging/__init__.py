"""What the server writes down: the console, TorchServe's log files, the access log."""
