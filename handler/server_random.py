"""Random numbers of the server's own: archives seed the generator of the module `random`, and count on its numbers."""

from random import Random

RANDOM = Random()  # noqa: S311  # no secrets
