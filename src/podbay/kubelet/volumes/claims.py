"""Claimed volumes: which persistent volume it is, whether this node and pod may use it, and making it fit for use.

Takes a pod's volume, which names a claim or brings one, and the API server; gives where the volume is on the node. Only
directories of the node are mounted: hostPath and local volumes, and those that the node makes itself for the local-path
provisioner.
Invariant: a volume is used on a node that its node affinity means, and by the pod of the claim that it is bound to.
Source: https://kubernetes.io/docs/concepts/storage/persistent-volumes/#claims-as-volumes ; upstream's kubelet, whose
messages these are.
"""

import asyncio
import stat
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from podbay.api.ephemeral_volumes import ephemeral_claim_name, ownership_problem
from podbay.api.errors import NotFound, StatusError
from podbay.api.local_path import is_of_node
from podbay.api.local_path import path_of as local_path_of
from podbay.api.resources import NODES, PERSISTENT_VOLUME_CLAIMS, PERSISTENT_VOLUMES
from podbay.api.volume_binding import node_can_use
from podbay.client.rest import Rest
from podbay.client.transport import TransportError
from podbay.kubelet.config import KubeletConfig
from podbay.kubelet.volumes import host_path, ownership
from podbay.kubelet.volumes.problem import UNMOUNTED, VolumeProblem, problem_of

Object = Mapping[str, Any]

_MODE: Final = 0o777
_BEGUN: Final = 0o000
_UNPROCESSED: Final = (
    "Unable to attach or mount volumes: unmounted volumes=[{}], unattached volumes=[],"
    " failed to process volumes=[{}]: {}"
)


class ClaimedVolumes:
    """See the module."""

    def __init__(self, rest: Rest, config: KubeletConfig) -> None:
        self._rest = rest
        self._config = config

    async def set_up(self, volume: Object, pod: Object) -> Path:
        """Return where a claimed volume is, once it can be used. Raises VolumeProblem."""
        try:
            found = await self._find(volume, pod)
            node = await self._rest.get(NODES, self._config.node_name) if _names_nodes(found) else None
        except (StatusError, TransportError) as error:
            raise _unprocessed(volume, str(error)) from None
        name = found["metadata"]["name"]
        if node is not None and not node_can_use(found, node):
            why = "no matching NodeSelectorTerms"
            raise VolumeProblem(why, event=f'MountVolume.NodeAffinity check failed for volume "{name}" : {why}')
        if self._config.is_real:
            try:
                await asyncio.to_thread(self._prepare, found, volume, pod)
            except OSError as error:
                problem = str(problem_of(error))
                raise VolumeProblem(problem, event=_of_volume("SetUp", name, problem)) from None
        return Path((found["spec"].get("hostPath") or found["spec"]["local"])["path"])

    async def _find(self, volume: Object, pod: Object) -> Object:
        """Return the persistent volume that a claim is bound to. Raises VolumeProblem, StatusError, TransportError."""
        named = volume.get("persistentVolumeClaim")
        namespace = pod["metadata"]["namespace"]
        name = ephemeral_claim_name(pod, volume) if named is None else named["claimName"]
        shown = f"error processing PVC {namespace}/{name}: "
        try:
            claim = await self._rest.get(PERSISTENT_VOLUME_CLAIMS, name, namespace=namespace)
        except NotFound as error:
            raise _unprocessed(volume, f"{shown}failed to fetch PVC from API server: {error}") from None
        if "deletionTimestamp" in claim["metadata"]:
            raise _unprocessed(volume, f"{shown}PVC is being deleted")
        bound = claim["spec"].get("volumeName")
        if (claim.get("status") or {}).get("phase") != "Bound" or not bound:
            raise _unprocessed(volume, f"{shown}PVC is not bound")
        if named is None and ownership_problem(pod, claim):
            raise _unprocessed(volume, ownership_problem(pod, claim))
        try:
            found = await self._rest.get(PERSISTENT_VOLUMES, bound)
        except NotFound as error:
            why = f"error processing PVC {namespace}/{name}: failed to fetch PV {bound} from API server: {error}"
            raise _unprocessed(volume, why) from None
        reference = found["spec"].get("claimRef") or {}
        if reference.get("uid") != claim["metadata"]["uid"]:
            why = (
                f"error processing PVC {namespace}/{name}: Error getting PV spec: PV {bound} is not bound to PVC"
                f" {namespace}/{name}"
            )
            raise _unprocessed(volume, why)
        if found["spec"].get("volumeMode") == "Block":
            why = f"volume {volume['name']} has volumeMode Block, but is specified in volumeMounts"
            raise _unprocessed(volume, why)
        return found

    def _prepare(self, found: Object, volume: Object, pod: Object) -> None:
        """Have a volume's directory there, and usable for the pod. Blocking. Raises VolumeProblem, OSError."""
        name, source = found["metadata"]["name"], found["spec"].get("hostPath")
        is_own = is_of_node(found, self._config.node_name)
        own = local_path_of(found, str(self._config.local_volumes)) if is_own else ""
        if own:
            make_directory(Path(own))
        elif source is not None:
            try:
                host_path.prepare(source)
            except VolumeProblem as problem:
                raise VolumeProblem(str(problem), event=_of_volume("SetUp", name, str(problem))) from None
        else:
            path = Path(found["spec"]["local"]["path"])
            if not path.exists():
                why = f'path "{path}" does not exist'
                raise VolumeProblem(why, event=_of_volume("NewMounter initialization", name, why))
            if not (volume.get("persistentVolumeClaim") or {}).get("readOnly"):
                _share(path, pod["spec"].get("securityContext") or {})


def make_directory(directory: Path) -> None:
    """Make the directory of a volume of the node's own, for whoever runs in the pod. Raises OSError.

    One that nobody may use was only begun, by a kubelet that was killed. Any other mode is the pods' own affair.
    """
    if not directory.exists():
        directory.parent.mkdir(parents=True, exist_ok=True)
        directory.mkdir(_BEGUN, exist_ok=True)
    if stat.S_IMODE(directory.stat().st_mode) == _BEGUN:
        directory.chmod(_MODE)


def _share(path: Path, security: Object) -> None:
    """Give a volume to the pod's group, if it has one. Raises OSError."""
    group = security.get("fsGroup")
    is_lazy = security.get("fsGroupChangePolicy") == "OnRootMismatch"
    if group is not None and not (is_lazy and ownership.is_given(path, group)):
        ownership.give_to_group(path, group)


def _names_nodes(volume: Object) -> bool:
    return (volume["spec"].get("nodeAffinity") or {}).get("required") is not None


def _of_volume(step: str, name: str, why: str) -> str:
    return f'MountVolume.{step} failed for volume "{name}" : {why}'


def _unprocessed(volume: Object, why: str) -> VolumeProblem:
    return VolumeProblem(why, event=_UNPROCESSED.format(UNMOUNTED, volume["name"], why))
