"""The composition root: up, down, status, destroy, doctor; server and agent as processes of their own."""
