"""A language model without an engine of its own: continuous batching in one async handler."""
