"""The logs of the server: the console, TorchServe's five files, the access log, and their line formats."""
