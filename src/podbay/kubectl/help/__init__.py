"""Help: what ``podbay help``, ``podbay COMMAND -h`` and ``podbay options`` print."""
