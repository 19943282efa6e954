"""Volumes and claims on their way into the store: their status and its dates, protection, class and size."""

from typing import Any

from tests.unit.apiserver.support import Api

VOLUMES = "/api/v1/persistentvolumes"
CLAIMS = "/api/v1/namespaces/default/persistentvolumeclaims"
MERGE = "application/merge-patch+json"
Object = dict[str, Any]


def volume(**more: Any) -> Object:
    spec = {"accessModes": ["ReadWriteOnce"], "capacity": {"storage": "1Gi"}, "hostPath": {"path": "/data"}}
    return {"apiVersion": "v1", "kind": "PersistentVolume", "metadata": {"name": "v"}, "spec": spec, **more}


def claim(**spec: Any) -> Object:
    spec = {"accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": "1Gi"}}, **spec}
    return {"apiVersion": "v1", "kind": "PersistentVolumeClaim", "metadata": {"name": "c"}, "spec": spec}


async def test_what_is_new_is_pending_and_protected_whatever_its_maker_says(api: Api) -> None:
    made = await api.create(VOLUMES, volume(status={"phase": "Bound", "message": "m"}))
    assert made["status"] == {"phase": "Pending", "lastPhaseTransitionTime": made["metadata"]["creationTimestamp"]}
    assert made["metadata"]["finalizers"] == ["kubernetes.io/pv-protection"]
    made = await api.create(CLAIMS, {**claim(), "status": {"phase": "Bound", "capacity": {"storage": "9Gi"}}})
    assert made["status"] == {"phase": "Pending"}
    assert made["metadata"]["finalizers"] == ["kubernetes.io/pvc-protection"]


async def test_a_claim_that_names_no_class_gets_the_default_one(api: Api) -> None:
    assert (await api.create(CLAIMS, claim()))["spec"]["storageClassName"] == "standard"
    other = {**claim(storageClassName=""), "metadata": {"name": "d"}}
    assert (await api.create(CLAIMS, other))["spec"]["storageClassName"] == ""


async def test_a_volume_tells_since_when_its_phase_is_what_it_is(api: Api) -> None:
    made = await api.create(VOLUMES, volume())
    began = made["metadata"]["creationTimestamp"]

    async def written(**status: Any) -> Object:
        answer = await api.call("PUT", f"{VOLUMES}/v/status", {**volume(), "status": status})
        return dict(answer["status"])

    await api.clock.advance(60)
    assert await written(phase="Pending") == {"phase": "Pending", "lastPhaseTransitionTime": began}
    later = "2026-01-01T00:01:00Z"
    assert await written(phase="Available") == {"phase": "Available", "lastPhaseTransitionTime": later}
    own = "2025-12-31T00:00:00Z"
    told = await written(phase="Released", lastPhaseTransitionTime=own)
    assert told == {"phase": "Released", "lastPhaseTransitionTime": own}


async def test_no_claim_can_grow(api: Api) -> None:
    await api.create(CLAIMS, claim())
    larger = {"spec": {"resources": {"requests": {"storage": "2Gi"}}}}
    await api.call("PATCH", f"{CLAIMS}/c", larger, media=MERGE, status=422)
    await api.call("PATCH", f"{CLAIMS}/c/status", {"status": {"phase": "Bound"}}, media=MERGE)
    refused = await api.call("PATCH", f"{CLAIMS}/c", larger, media=MERGE, status=403)
    assert refused["message"] == (
        'persistentvolumeclaims "c" is forbidden: only dynamically provisioned pvc can be resized and the storageclass'
        " that provisions the pvc must support resize"
    )
