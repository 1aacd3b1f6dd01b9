"""Settings: read once at the start into frozen values, with every problem told at once."""
