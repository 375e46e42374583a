"""GPUs and cores: which there are, and each worker's share of them."""
