"""From event to accepted message: decide, commit to the outbox, send until accepted."""
