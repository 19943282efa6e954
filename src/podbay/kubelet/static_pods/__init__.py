"""Pods from files on the node, which run without the API server, and the mirror pods that show them to it."""
