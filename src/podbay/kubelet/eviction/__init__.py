"""Who has to leave the node so that the others can stay: decided purely, then done by ``watching``."""
