"""Discord's REST API as the rest of the program sees it."""
