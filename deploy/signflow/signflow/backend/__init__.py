"""A small backend: frames come over a WebSocket, signs go back; and a page that shows it."""
