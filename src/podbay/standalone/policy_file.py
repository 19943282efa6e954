"""The file of an administrator's policies, read again whenever it has changed.

Takes a path; gives policies. Invariant: a file that cannot be read any more leaves the last policies in force, and the
log says so.
"""

import logging
from collections.abc import Sequence
from pathlib import Path

from podbay.apiserver.policies import Policy, read_policy_file
from podbay.standalone.errors import ClusterError

_log = logging.getLogger(__name__)


class PolicyFile:
    """See the module. Raises ClusterError for one that is broken from the start."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._seen = self._stamp()
        try:
            self._policies = self._read()
        except (OSError, ValueError) as error:
            raise ClusterError(f"{path}: {error}") from None

    def policies(self) -> Sequence[Policy]:
        """Return the policies as they are now; none if there is no file."""
        stamp = self._stamp()
        if stamp != self._seen:
            self._seen = stamp
            try:
                self._policies = self._read()
            except (OSError, ValueError) as error:
                _log.error("%s: %s: the policies stay as they were", self._path, error)
        return self._policies

    def _stamp(self) -> tuple[int, int, int] | None:
        try:
            found = self._path.stat()
        except OSError:
            return None
        return found.st_ino, found.st_mtime_ns, found.st_size

    def _read(self) -> Sequence[Policy]:
        return read_policy_file(self._path.read_text("utf-8")) if self._path.exists() else ()
