"""The node itself: what it is, what it has, and the heartbeat that says it is alive."""
