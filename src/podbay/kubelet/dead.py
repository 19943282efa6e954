"""Which dead containers and sandboxes of a living pod nobody needs any more.

Pure. Takes what the runtime has of the pod; gives what to remove, now and then, whatever its worker does.
Invariant: of each container the newest is kept, dead or alive, and of those that have ended the newest few; the newest
sandbox is kept, and none goes that still has a container.
Source: https://kubernetes.io/docs/concepts/architecture/garbage-collection/#container-image-garbage-collection ;
upstream's evictContainers and evictSandboxes.
"""

from podbay.cri.runtime import Container, ContainerState, Sandbox
from podbay.kubelet.observed import Observed


def dead_containers(seen: Observed, kept: int) -> list[Container]:
    """Return the containers beyond the ``kept`` ones that ended last, of each name."""
    found = []
    for name in dict.fromkeys(container.name for container in seen.containers):
        ended = [c for c in seen.containers if c.name == name and c.state is ContainerState.EXITED]
        newest = seen.newest(name)
        found += [container for container in ended[kept:] if container is not newest]
    return found


def dead_sandboxes(seen: Observed) -> list[Sandbox]:
    """Return the sandboxes that were superseded and are empty."""
    used = {container.sandbox_id for container in seen.containers}
    return [sandbox for sandbox in seen.sandboxes[1:] if not sandbox.ready and sandbox.id not in used]
