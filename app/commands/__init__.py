"""What the commands do, each in a module that its name tells."""
