"""Pods and what a runtime has of them, as plain data for the deciding modules."""

from collections.abc import Mapping
from typing import Any

from podbay.cri.runtime import Container, ContainerState, Sandbox
from podbay.kubelet.observed import Observed, observed

RUNNING, EXITED, CREATED = ContainerState.RUNNING, ContainerState.EXITED, ContainerState.CREATED
Object = dict[str, Any]


def a_container(name: str, **more: Any) -> Object:
    return {"name": name, "image": "i", **more}


def a_sidecar(name: str, **more: Any) -> Object:
    return a_container(name, restartPolicy="Always", **more)


def a_pod(*containers: Object, init: tuple[Object, ...] = (), status: Object | None = None, **spec: Any) -> Object:
    found: Object = {"containers": list(containers) or [a_container("main")], **spec}
    if init:
        found["initContainers"] = list(init)
    return {"metadata": {"name": "p", "namespace": "n", "uid": "u"}, "spec": found, "status": status or {}}


def a_sandbox(attempt: int = 0, *, ready: bool = True) -> Sandbox:
    return Sandbox(
        id=f"s{attempt}",
        name="p",
        namespace="n",
        uid="u",
        attempt=attempt,
        ready=ready,
        created_at=attempt,
        ips=("1.2.3.4",),
    )


def ran(
    name: str, state: ContainerState, code: int = 0, *, attempt: int = 0, sandbox: str = "s0", at: int = 0
) -> Container:
    return Container(
        id=f"{name}{attempt}",
        sandbox_id=sandbox,
        name=name,
        attempt=attempt,
        state=state,
        created_at=at + attempt,
        exit_code=code,
        finished_at=1 if state is EXITED else 0,
    )


def has(*containers: Container, sandboxes: tuple[Sandbox, ...] | None = None) -> Observed:
    return observed((a_sandbox(),) if sandboxes is None else sandboxes, containers)


def one(statuses: list[Object], name: str) -> Object:
    return next(status for status in statuses if status["name"] == name)


def condition_of(status: Mapping[str, Any], kind: str) -> Object:
    return next(condition for condition in status["conditions"] if condition["type"] == kind)
