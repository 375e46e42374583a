"""Tensors of archives: their declaration, and the rows that handlers see."""
