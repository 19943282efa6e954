"""The volumes of pods: what is in them, and how it gets in and out. One module per kind."""
