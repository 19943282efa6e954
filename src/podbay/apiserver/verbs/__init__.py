"""The verbs of the API: each takes a call (who, what, on which resource) and gives a response.

Reads come from the cache, writes go through admission, registry rules and storage.
"""
