"""Handlers of models spread over several processes, which do not run here."""
