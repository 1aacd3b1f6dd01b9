"""What every part of the process stands on: supervision, health, logs and metrics."""
