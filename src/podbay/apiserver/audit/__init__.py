"""The audit log: who asked the API server for what, and what became of it, one JSON object a line.

``policy`` says which requests are written and how much of them, ``policy_file`` reads it; ``record`` follows one
request; ``events`` makes its lines; ``log`` and ``log_file`` write them.
"""
