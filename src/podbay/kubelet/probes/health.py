"""What probes have found of one incarnation of a container.

Pure. Given by the ``prober``; taken by ``plan`` and ``status``. A container without a probe has what the probe would
have found at best.
Source: https://kubernetes.io/docs/concepts/workloads/pods/pod-lifecycle/#container-probes
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

LIVENESS: Final = "liveness"
READINESS: Final = "readiness"
STARTUP: Final = "startup"
KINDS: Final = (LIVENESS, READINESS, STARTUP)


@dataclass(frozen=True, slots=True)
class Health:
    """See the module. ``failed`` names the probe for which the container must be stopped, or nothing."""

    started: bool = True
    ready: bool = True
    failed: str = ""


UNPROBED: Final = Health()
Healths = Mapping[str, Health]  # container id -> health
