"""The client of the model server, with a model of its own for when the server does not answer."""
