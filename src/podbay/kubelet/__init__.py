"""The node agent: source, workers, plan, execute, observe, status, and the node's HTTPS server."""
