"""One module per command: ``run(words) -> exit code``."""
