"""A small universe on loopback: stand-ins for every upstream, for the demo, the tests and the simulations."""
