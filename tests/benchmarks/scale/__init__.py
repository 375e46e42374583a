"""A shared state from one replica to a thousand, on paper: requests and their price, convergence, and limits."""
