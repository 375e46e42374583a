"""Access to the APIs: tokens, and the origins of web pages."""
