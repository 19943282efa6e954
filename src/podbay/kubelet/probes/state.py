"""One probe's answers, counted: when so many in a row agree, the probe has a new result.

Pure. Takes answers; gives the result, which is None as long as nothing was found. A failure of a liveness or startup
probe is final for its container: nobody is asked any more until there is another.
Source: https://kubernetes.io/docs/tasks/configure-pod-container/configure-liveness-readiness-startup-probes/ ;
upstream's prober worker.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from podbay.kubelet.probes.health import LIVENESS, READINESS, STARTUP

# What holds of a container before it was asked.
_AT_FIRST: Final[Mapping[str, bool | None]] = {READINESS: False, LIVENESS: True, STARTUP: None}


@dataclass(slots=True)
class ProbeState:
    """See the module. ``spec`` is the probe as the pod has it."""

    kind: str
    spec: Mapping[str, Any]
    container_id: str = ""
    result: bool | None = field(init=False)
    is_final: bool = False
    _last: bool | None = None
    _run: int = 0

    def __post_init__(self) -> None:
        self.result = _AT_FIRST[self.kind]

    def begin(self, container_id: str, *, told: bool = False) -> None:
        """Begin anew with another container. ``told``: an earlier kubelet has found this very one well."""
        self.container_id = container_id
        self.result = True if told else _AT_FIRST[self.kind]
        self.is_final = False
        self._last, self._run = None, 0

    def count(self, *, is_well: bool) -> bool:
        """Count an answer; return whether the result is another one now."""
        self._run = self._run + 1 if is_well is self._last else 1
        self._last = is_well
        if self._run < int(self.spec.get("successThreshold" if is_well else "failureThreshold", 1)):
            return False
        before, self.result = self.result, is_well
        if not is_well and self.kind != READINESS:
            self.is_final = True
            self._run = 0
        return before is not is_well
