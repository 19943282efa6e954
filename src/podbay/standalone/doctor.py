"""``podbay doctor``: what this machine has, what it lacks, and what to do about it.

Only looks, also whether the runtimes answer that clusters were given. Gives lines and an exit code.
"""

import os
import platform
import shutil
from collections.abc import Callable, Iterator
from functools import partial
from typing import Final

from podbay.standalone import machine, mounts
from podbay.standalone.cluster import LOG_ROOT, RUN_ROOT, STATE_ROOT, given_runtimes
from podbay.standalone.errors import ClusterError

_CAP_SYS_RESOURCE: Final = 24
_FORWARDING: Final = "/proc/sys/net/ipv4/ip_forward"


def examine(say: Callable[[str], None]) -> int:
    """Tell what is there and what is missing; return 1 if a pod could not run."""
    missing = 0
    say(f"ok       Python {platform.python_version()}")
    for need in (*machine.needs(), *_given_runtimes()):
        try:
            say(f"ok       {need.what}: {need.look()}")
        except ClusterError as error:
            missing += 1
            say(f"missing  {need.what}: {error}")
    if not os.path.exists(_FORWARDING):
        missing += 1
        say("missing  IP forwarding: the kernel has no IPv4")
    for note in _notes():
        say(f"note     {note}")
    say(f"ok       state in {STATE_ROOT}, logs in {LOG_ROOT}, sockets and pid files in {RUN_ROOT}")
    return 1 if missing else 0


def _given_runtimes() -> Iterator[machine.Need]:
    """Yield the runtimes that clusters of this machine were given."""
    for name, endpoint in given_runtimes().items():
        yield machine.Need(f"runtime of cluster {name}", partial(_look, endpoint))


def _look(endpoint: str) -> str:
    from podbay.standalone.runtime import look

    return look(endpoint)


def _notes() -> list[str]:
    """Return what differs on this machine and is no fault."""
    notes = []
    if not machine.has_capability(_CAP_SYS_RESOURCE):
        notes.append(
            "CAP_SYS_RESOURCE is not held: oom scores cannot be lowered nor rlimits raised, and pods run all the same"
        )
    if shutil.which("runc") and shutil.which("crun"):
        notes.append("runc and crun are both there: runc serves (another with `podbay up --oci-runtime crun`)")
    if mounts.is_needed("crun") and shutil.which("crun"):
        notes.append(
            "cgroups are hybrid: with crun a cluster gets a mount namespace of its own, version 2 hidden in it"
        )
    return notes
