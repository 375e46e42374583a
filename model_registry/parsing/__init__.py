"""Values and documents from text: integers, booleans, choices, and lenient JSON."""
