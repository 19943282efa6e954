"""What becomes of a claim and of a volume: bound, waiting, lost, released.

Pure. Takes one claim or volume and what there is beside it; gives a decision, which the volume binder carries out, and
the objects as they are once bound.
Invariant: a decision looks at what is stored alone, so it can be made again after any end: a binding that was only
begun is finished, or undone if the claim got another volume.
Source: https://kubernetes.io/docs/concepts/storage/persistent-volumes/#lifecycle-of-a-volume-and-claim ; upstream's
persistent volume controller, whose events and phases these are.
"""

import copy
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from podbay.api.volume_binding import (
    BIND_COMPLETED,
    BOUND_BY_CONTROLLER,
    OLD_CLASS,
    OLD_PROVISIONER,
    PROVISIONED_BY,
    PROVISIONER,
    SELECTED_NODE,
    annotations_of,
    class_of,
    default_class,
    is_bound_to,
    mismatch,
    volumes_for,
    waits_for_consumer,
)

Object = dict[str, Any]
Objects = Mapping[str, Object]

_OWN: Final = "kubernetes.io/"
_NO_CLASS: Final = "no persistent volumes available for this claim and no storage class is set"
_LOST: Final = "Bound claim has lost its PersistentVolume. Data on the volume is lost!"
_LOST_REFERENCE: Final = "Bound claim has lost reference to PersistentVolume. Data on the volume is lost!"
_MISBOUND: Final = "Two claims are bound to the same volume, this one is bound incorrectly"
_CONSUMER: Final = "waiting for first consumer to be created before binding"
_EXTERNAL: Final = (
    "Waiting for a volume to be created either by the external provisioner '{}' or manually by the system"
    " administrator. If volume creation is delayed, please verify that the provisioner is running and correctly"
    " registered."
)


@dataclass(frozen=True, slots=True)
class Told:
    """An event. ``kind`` is Normal or Warning."""

    kind: str
    reason: str
    message: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ClaimDecision:
    """``volume`` is what the claim is to be bound to; else its phase, and what to write onto it before.

    ``storage_class`` is a default class that came after the claim, ``provisioner`` who is to make a volume.
    """

    volume: Object | None = None
    phase: str = "Pending"
    told: Told | None = None
    storage_class: str = ""
    provisioner: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class VolumeDecision:
    """``unbinds``: the volume forgets its claim; ``wakes_claim``: the claim's turn comes first."""

    phase: str = ""
    told: Told | None = None
    unbinds: bool = False
    wakes_claim: bool = False


def decide_claim(claim: Object, volumes: Objects, classes: Objects, waiting_pods: Sequence[str] = ()) -> ClaimDecision:
    """Return what becomes of a claim. ``waiting_pods`` use it and have no node yet."""
    if BIND_COMPLETED in annotations_of(claim):
        return _bound_claim(claim, volumes)
    if claim["spec"].get("volumeName"):
        return _choosy_claim(claim, volumes)
    name = class_of(claim)
    storage_class = classes.get(name)
    waits = waits_for_consumer(storage_class)
    found = volumes_for(claim, volumes.values(), waits=waits)
    if found:
        return ClaimDecision(volume=volumes[found[0]["metadata"]["name"]])
    if claim["spec"].get("storageClassName") is None and OLD_CLASS not in annotations_of(claim):
        given = default_class(classes.values())
        if given:
            return ClaimDecision(storage_class=given)
    if waits and SELECTED_NODE not in annotations_of(claim):
        return ClaimDecision(told=_waits(waiting_pods))
    if not name:
        return ClaimDecision(told=Told("Normal", "FailedBinding", _NO_CLASS))
    if storage_class is None:
        message = f'storageclass.storage.k8s.io "{name}" not found'
        return ClaimDecision(told=Told("Warning", "ProvisioningFailed", message))
    provisioner = storage_class["provisioner"]
    if provisioner.startswith(_OWN):
        message = f"no volume plugin matched name: {provisioner}"
        return ClaimDecision(told=Told("Warning", "ProvisioningFailed", message))
    told = Told("Normal", "ExternalProvisioning", _EXTERNAL.format(provisioner))
    return ClaimDecision(told=told, provisioner=provisioner)


def decide_volume(volume: Object, claim: Object | None) -> VolumeDecision:
    """Return what becomes of a volume. ``claim`` is the one that it names, None if that is no more."""
    spec, phase = volume["spec"], (volume.get("status") or {}).get("phase")
    reference = spec.get("claimRef")
    if reference is None or not reference.get("uid"):
        return VolumeDecision(phase="Available", wakes_claim=reference is not None)
    if claim is not None and claim["metadata"]["uid"] != reference["uid"]:
        claim = None
    if claim is not None:
        named = claim["spec"].get("volumeName")
        if not named:
            return VolumeDecision(wakes_claim=True)
        if named == volume["metadata"]["name"]:
            return VolumeDecision(phase="Bound")
        if not (_is_provisioned(volume) and spec.get("persistentVolumeReclaimPolicy") == "Delete"):
            return VolumeDecision(phase="Available", unbinds=True)
    if phase not in ("Released", "Failed"):
        return VolumeDecision(phase="Released")
    return _reclaimed(volume)


def unbound_volume(volume: Object) -> Object:
    """Return a volume as it is once its claim has got another: it forgets who chose it, or waits for the claim."""
    found = copy.deepcopy(volume)
    if BOUND_BY_CONTROLLER in annotations_of(volume):
        del found["metadata"]["annotations"][BOUND_BY_CONTROLLER]
        del found["spec"]["claimRef"]
    else:
        found["spec"]["claimRef"].pop("uid", None)
    return found


def bound_claim(claim: Object, volume: Object) -> Object:
    """Return a claim as it is once bound to a volume."""
    found = copy.deepcopy(claim)
    annotations = found["metadata"].setdefault("annotations", {})
    if claim["spec"].get("volumeName") != volume["metadata"]["name"]:
        found["spec"]["volumeName"] = volume["metadata"]["name"]
        annotations[BOUND_BY_CONTROLLER] = "yes"
    annotations[BIND_COMPLETED] = "yes"
    return found


def claim_in(claim: Object, phase: str, volume: Object | None) -> Object:
    """Return a claim in a phase, with what its volume has."""
    found = copy.deepcopy(claim)
    status = found.setdefault("status", {})
    status["phase"] = phase
    for name in ("accessModes", "capacity"):
        if volume is None:
            status.pop(name, None)
        else:
            status[name] = copy.deepcopy(volume["spec"][name])
    return found


def asking(claim: Object, provisioner: str) -> Object:
    """Return a claim that tells who is to make its volume."""
    found = copy.deepcopy(claim)
    found["metadata"].setdefault("annotations", {}).update({OLD_PROVISIONER: provisioner, PROVISIONER: provisioner})
    return found


def _bound_claim(claim: Object, volumes: Objects) -> ClaimDecision:
    name = claim["spec"].get("volumeName")
    if not name:
        return ClaimDecision(phase="Lost", told=Told("Warning", "ClaimLost", _LOST_REFERENCE))
    volume = volumes.get(name)
    if volume is None:
        return ClaimDecision(phase="Lost", told=Told("Warning", "ClaimLost", _LOST))
    reference = volume["spec"].get("claimRef")
    if reference is None or reference.get("uid") == claim["metadata"]["uid"]:
        return ClaimDecision(volume=volume)
    return ClaimDecision(phase="Lost", told=Told("Warning", "ClaimMisbound", _MISBOUND))


def _choosy_claim(claim: Object, volumes: Objects) -> ClaimDecision:
    """Decide for a claim that names its volume."""
    name = claim["spec"]["volumeName"]
    volume = volumes.get(name)
    if volume is None:
        return ClaimDecision()
    if volume["spec"].get("claimRef") is None:
        problem = mismatch(volume, claim)
        if problem:
            message = f'Cannot bind to requested volume "{name}": {problem}'
            return ClaimDecision(told=Told("Warning", "VolumeMismatch", message))
        return ClaimDecision(volume=volume)
    if is_bound_to(volume, claim):
        return ClaimDecision(volume=volume)
    message = f'volume "{name}" already bound to a different claim.'
    return ClaimDecision(told=Told("Warning", "FailedBinding", message))


def _waits(pods: Sequence[str]) -> Told:
    if not pods:
        return Told("Normal", "WaitForFirstConsumer", _CONSUMER)
    shown = f"pod {pods[0]}" if len(pods) == 1 else f"pods {','.join(pods)}"
    return Told("Normal", "WaitForPodScheduled", f"waiting for {shown} to be scheduled")


def _is_provisioned(volume: Object) -> bool:
    return PROVISIONED_BY in annotations_of(volume)


def _reclaimed(volume: Object) -> VolumeDecision:
    """Decide for a volume whose claim is gone. Who made a volume removes it, too; we can neither empty nor remove."""
    phase = volume["status"]["phase"]
    match volume["spec"].get("persistentVolumeReclaimPolicy"):
        case "Recycle":
            told = Told("Warning", "VolumeFailedRecycle", "No recycler plugin found for the volume!")
        case "Delete" if not _is_provisioned(volume):
            name = volume["metadata"]["name"]
            message = f'error getting deleter volume plugin for volume "{name}": no deletable volume plugin matched'
            told = Told("Warning", "VolumeFailedDelete", message)
        case _:
            return VolumeDecision(phase=phase)
    return VolumeDecision(phase="Failed", told=told)
