"""`marserve serve --reload`: archives that are loaded anew when their files change."""
