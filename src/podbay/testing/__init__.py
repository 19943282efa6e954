"""The pytest plugin and the Python API of a cluster."""
