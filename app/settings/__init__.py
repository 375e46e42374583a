"""The configuration: its sources, their order of precedence, and the settings that follow."""
