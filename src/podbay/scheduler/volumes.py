"""Where the volumes let a pod go, and which volumes its claims get there.

Pure. Takes a pod and what there is of claims, volumes and classes; gives why no node will do, why one will not, or what
has to be written before the pod can be bound to it.
Invariant: a volume that was promised to one pod's claim in a decision is not promised to another's, although the API
server does not know of it yet.
Source: https://kubernetes.io/docs/concepts/storage/storage-classes/#volume-binding-mode ; upstream's plugins
VolumeRestrictions and VolumeBinding, whose messages these are.
"""

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from podbay.api.ephemeral_volumes import ephemeral_claim_names, ownership_problem
from podbay.api.volume_binding import (
    NO_PROVISIONER,
    ONE_POD,
    SELECTED_NODE,
    annotations_of,
    claim_names,
    class_of,
    is_bound,
    is_bound_to,
    node_can_use,
    requested,
    topology_allows,
    volumes_for,
    waits_for_consumer,
)
from podbay.scheduler.filters import Plugin, Refusal
from podbay.scheduler.snapshot import NodeState

Object = Mapping[str, Any]

UNBOUND: Final = "pod has unbound immediate PersistentVolumeClaims"
_ONE_POD: Final = "node has pod using PersistentVolumeClaim with the same name and ReadWriteOncePod access mode"
_CONFLICT: Final = "node(s) had volume node affinity conflict"
_NONE: Final = "node(s) didn't find available persistent volumes to bind"
_MISSING: Final = "node(s) unavailable due to one or more pvc(s) bound to non-existent pv(s)"


@dataclass(slots=True)
class VolumeView:
    """What is known, by key; and what decisions have promised: volumes to claims, nodes to claims."""

    claims: Mapping[str, Object] = field(default_factory=dict)
    volumes: Mapping[str, Object] = field(default_factory=dict)
    classes: Mapping[str, Object] = field(default_factory=dict)
    promised: dict[str, str] = field(default_factory=dict)
    selected: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class VolumePlan:
    """What to write for a node: volumes to bind to claims, and the claims for which a volume has to be made there."""

    pairs: tuple[tuple[Object, Object], ...] = ()
    made: tuple[Object, ...] = ()

    def __bool__(self) -> bool:
        """Tell whether there is anything to write."""
        return bool(self.pairs or self.made)


NO_VOLUMES: Final = VolumePlan()


class VolumeFilter:
    """One pod's claims and all nodes. ``problem`` says why no node will do, if so.

    What does not depend on the node is looked up once, and for a pod without claims nothing is.
    """

    def __init__(self, pod: Object, view: VolumeView, states: Iterable[NodeState]) -> None:
        self._view = view
        self.problem = ""
        self._bound: list[Object] = []
        self._waiting: list[_WaitingClaim] = []
        self._exclusive: set[str] = set()
        namespace, made = pod["metadata"]["namespace"], ephemeral_claim_names(pod)
        for name in claim_names(pod):
            key = f"{namespace}/{name}"
            claim = view.claims.get(key)
            self.problem = self.problem or _problem(name, claim, pod if name in made else None)
            if claim is None:
                continue
            if ONE_POD in (claim["spec"].get("accessModes") or ()):
                self._exclusive.add(key)
            if is_bound(claim):
                self._bound.append(claim)
            elif waits_for_consumer(view.classes.get(class_of(claim))) and not claim["spec"].get("volumeName"):
                self._waiting.append(_WaitingClaim(key, claim, view))
            else:
                self.problem = self.problem or UNBOUND
        self._waiting.sort(key=lambda waiting: requested(waiting.claim))
        self._held_on = {state.name for state in states if self._is_held(state)} if self._exclusive else set()

    def refusal(self, state: NodeState) -> Refusal | None:
        """Return why a node does not take the pod, or None. The state may be one that is supposed."""
        if self._exclusive and (self._held_on - {state.name} or self._is_held(state)):
            return Refusal(Plugin.VOLUME_RESTRICTIONS, (_ONE_POD,), preemptible=True)
        if not self._bound and not self._waiting:
            return None
        reasons = []
        volumes = [self._view.volumes.get(claim["spec"]["volumeName"]) for claim in self._bound]
        if None in volumes:
            reasons.append(_MISSING)
        elif not all(volume is None or node_can_use(volume, state.node) for volume in volumes):
            reasons.append(_CONFLICT)
        if self.plan(state) is None:
            reasons.append(_NONE)
        return Refusal(Plugin.VOLUME_BINDING, tuple(reasons)) if reasons else None

    def plan(self, state: NodeState) -> VolumePlan | None:
        """Return what the claims that wait get on a node, or None if one of them gets nothing."""
        pairs: list[tuple[Object, Object]] = []
        made: list[Object] = []
        taken: set[str] = set()
        for waiting in self._waiting:
            if waiting.selected not in ("", state.name):
                return None
            volume = waiting.volume_on(state, taken)
            if volume is not None:
                taken.add(volume["metadata"]["name"])
                pairs.append((volume, waiting.claim))
            elif waiting.can_be_made(state):
                made.append(waiting.claim)
            else:
                return None
        return VolumePlan(tuple(pairs), tuple(made))

    def _is_held(self, state: NodeState) -> bool:
        """Tell whether a pod on a node has a claim that one pod alone may have."""
        return any(not self._exclusive.isdisjoint(other.claims) for other in state.pods.values() if other.claims)


class _WaitingClaim:
    """A claim that gets its volume where its pod goes; ``selected`` is the node that was chosen for it before."""

    def __init__(self, key: str, claim: Object, view: VolumeView) -> None:
        self.claim = claim
        self.selected = view.selected.get(key) or annotations_of(claim).get(SELECTED_NODE) or ""
        self._class = view.classes[class_of(claim)]
        self._has_one = any(is_bound_to(volume, claim) for volume in view.volumes.values())
        free = (v for name, v in view.volumes.items() if view.promised.get(name, key) == key)
        self._volumes = [] if self.selected else volumes_for(claim, free)  # else one is being made

    def volume_on(self, state: NodeState, taken: Collection[str]) -> Object | None:
        """Return the best volume that a node can use and that is not taken."""
        free = (volume for volume in self._volumes if volume["metadata"]["name"] not in taken)
        return next((volume for volume in free if node_can_use(volume, state.node)), None)

    def can_be_made(self, state: NodeState) -> bool:
        """Tell whether a volume can be made for a node: not if the claim has one, which cannot be used there."""
        is_made = self._class["provisioner"] != NO_PROVISIONER
        return is_made and not self._has_one and topology_allows(self._class, state.node)


def _problem(name: str, claim: Object | None, owner: Object | None) -> str:
    """Return what keeps a pod from a claim, or nothing. ``owner`` is the pod for which the claim has to be made."""
    if claim is None and owner is not None:
        return f'waiting for ephemeral volume controller to create the persistentvolumeclaim "{name}"'
    if claim is None:
        return f'persistentvolumeclaim "{name}" not found'
    if (claim.get("status") or {}).get("phase") == "Lost":
        bound = claim["spec"].get("volumeName", "")
        return f'persistentvolumeclaim "{name}" bound to non-existent persistentvolume "{bound}"'
    if "deletionTimestamp" in claim["metadata"]:
        return f'persistentvolumeclaim "{name}" is being deleted'
    return ownership_problem(owner, claim) if owner is not None else ""
