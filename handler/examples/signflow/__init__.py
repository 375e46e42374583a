"""SignFlow: landmarks of hands and body in, the sign that they make out."""
