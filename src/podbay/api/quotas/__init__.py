"""Resource quotas, decided purely: what an object uses, which quotas count it, and whether that is too much."""
