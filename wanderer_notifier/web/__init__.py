"""Probes and pages: reads frozen snapshots, owns nothing."""
