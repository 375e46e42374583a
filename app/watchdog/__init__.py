"""A watchdog outside the interpreter's lock: it ends a server whose event loop stands still."""
