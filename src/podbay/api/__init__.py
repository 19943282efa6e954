"""Kubernetes objects and their rules as pure, synchronous functions over plain data."""
