"""What the system says of a failed connection, in the words that upstream's programs have for it.

Pure. Source: Linux's errno table as Go's syscall package spells it.
"""

import errno
import os
from typing import Final

_TEXTS: Final = {
    errno.ECONNREFUSED: "connection refused",
    errno.EHOSTUNREACH: "no route to host",
    errno.ENETUNREACH: "network is unreachable",
    errno.ECONNRESET: "connection reset by peer",
    errno.EPIPE: "broken pipe",
    errno.ETIMEDOUT: "connection timed out",
}


def errno_text(error: OSError) -> str:
    """Return the text of an error of the system."""
    if error.errno is None:
        return str(error).lower()
    return _TEXTS.get(error.errno) or os.strerror(error.errno).lower()
