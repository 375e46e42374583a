"""Models spread over several processes, which do not run here."""
