"""podbay: Kubernetes in Python, small, real and fast."""

__version__ = "0.1.0"
