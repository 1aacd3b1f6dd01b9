"""Tells a wormhole corporation on Discord what matters on its Wanderer map: each notification once."""

__version__ = "1.0.0"
