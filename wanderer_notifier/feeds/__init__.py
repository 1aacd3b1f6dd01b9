"""Where events come from: the kill feed and the map streams."""
