"""Pure decisions and looks: values in, values out; no input or output, no clock, no randomness, no logging."""
