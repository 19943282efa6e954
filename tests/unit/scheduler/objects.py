"""Pods and nodes for the scheduler's tests."""

from typing import Any

from podbay.scheduler.snapshot import NodeState, Snapshot, needs_of


def node(name: str = "n1", *, cpu: str = "4", memory: str = "8Gi", pods: str = "110", **changes: Any) -> dict[str, Any]:
    labels = changes.pop("labels", {})
    return {
        "metadata": {"name": name, "labels": {"kubernetes.io/hostname": name, **labels}},
        "spec": changes.pop("spec", {}),
        "status": {"allocatable": {"cpu": cpu, "memory": memory, "pods": pods, **changes}},
    }


def pod(name: str = "web", *, cpu: str = "", memory: str = "", host_port: int = 0, **spec: Any) -> dict[str, Any]:
    requests = {key: value for key, value in (("cpu", cpu), ("memory", memory)) if value}
    container: dict[str, Any] = {"name": "main", "image": "i"}
    if requests:
        container["resources"] = {"requests": requests}
    if host_port:
        container["ports"] = [{"containerPort": 80, "hostPort": host_port, "protocol": "TCP"}]
    metadata = {"name": name, "namespace": "default", "uid": f"uid-{name}"}
    return {"metadata": metadata, "spec": {"containers": [container], **spec}}


def state(of: dict[str, Any], *pods: dict[str, Any]) -> NodeState:
    snapshot = Snapshot()
    made = snapshot.set_node(of)
    for one in pods:
        snapshot.place(f"default/{one['metadata']['name']}", made.name, needs_of(one))
    return made


def with_terms(*terms: dict[str, Any]) -> dict[str, Any]:
    required = {"requiredDuringSchedulingIgnoredDuringExecution": {"nodeSelectorTerms": list(terms)}}
    return pod(affinity={"nodeAffinity": required})
