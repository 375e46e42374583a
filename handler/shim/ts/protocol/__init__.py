"""Where handlers of older releases found the streaming call."""
