"""The composition root: builds the parts by hand, opens the nursery tree, owns signals and the order of the end."""
