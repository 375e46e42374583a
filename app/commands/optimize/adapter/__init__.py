"""Sources that are copied into archives: they stand between handler and optimised model, on TorchServe, too."""
