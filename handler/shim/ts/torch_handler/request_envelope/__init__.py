"""Envelopes: shapes of requests and answers that a handler need not know."""
