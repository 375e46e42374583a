"""The limits of connections: their numbers, their times, the bytes that they hold, and what is refused."""
