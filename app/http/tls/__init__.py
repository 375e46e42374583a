"""TLS: the identity of an https address, and the rejection of plain HTTP there."""
