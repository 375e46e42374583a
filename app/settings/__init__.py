"""Everything that can be configured: where it is written, which place wins, and what it means."""
