"""Load generators, each a process: ``python -m bench.load.requests TASK``, ``python -m bench.load.watchers TASK``.

Bounded in count and time by their task; they talk to ports of this machine only.
"""
