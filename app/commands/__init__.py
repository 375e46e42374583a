"""The commands, each in a module or package of its name, and the modules that they share."""
