"""What goes wrong with clusters on this machine."""


class ClusterError(Exception):
    """Something a user can put right; the message says how."""
