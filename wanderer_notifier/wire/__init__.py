"""Pure protocol machines: bytes or JSON in, values out."""
