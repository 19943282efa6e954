"""What can go wrong in a store, by what the caller did.

StoreError
├── KeyExists          a create found the key there
├── KeyNotFound        a compare found no key
├── RevisionMismatch   the key was changed since it was read
├── Compacted          that revision's history is gone
├── FutureRevision     that revision has not been given out yet
├── WatcherTooSlow     a watcher's buffer was full and it was cut off
└── StoreUnavailable   closed, locked by another process, disk full, connection lost
"""


class StoreError(Exception):
    """Base of all of a store's errors."""


class KeyExists(StoreError):
    """A create found the key there."""


class KeyNotFound(StoreError):
    """A compare-and-put or compare-and-delete found no such key."""


class RevisionMismatch(StoreError):
    """The key's modification revision is not the expected one."""


class Compacted(StoreError):
    """The revision asked for is older than what is kept."""


class FutureRevision(StoreError):
    """The revision asked for is higher than any given out."""


class WatcherTooSlow(StoreError):
    """The watcher did not take its events fast enough and was cut off."""


class StoreUnavailable(StoreError):
    """The store cannot answer now: closed, locked by another process, out of disk, out of reach."""
