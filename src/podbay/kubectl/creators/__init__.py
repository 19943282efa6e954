"""``create KIND NAME``: objects that flags describe, one module for each kind.

Each gives a body to ``making.create``, which sends and tells it.
"""
