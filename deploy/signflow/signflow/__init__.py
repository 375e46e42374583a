"""SignFlow around its archive: the client, a backend with a page, training and the benchmark."""
