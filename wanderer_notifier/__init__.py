"""Tells a wormhole corporation on Discord what matters on its Wanderer map: each notification once."""

__version__ = "1.0.0"
ABOUT = "https://github.com/wanderer-notifier/wanderer-notifier"
"""Where operators of the services we ask find out who we are."""
