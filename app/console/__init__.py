"""The console: a page about a running server, and the events that feed it."""
