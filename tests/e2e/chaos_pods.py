"""Pods of mixed kinds for the chaos test, each of whose containers says who it is.

Every container has ``CHAOS_ID`` (its pod's uid and its name) in its environment, and appends it to a file of the host
when it starts: so the test sees what runs, and what was started how often, without asking anybody. As long as it lives
it holds a lock of that name: one that finds it held appends to another file, so none runs twice unseen, however short.
"""

import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from podbay.standalone.images.debian import busybox_files
from podbay.standalone.images.layer import ImageRecipe, build
from podbay.standalone.images.recipes import busybox_recipe
from tests.e2e.harness import SLEEP, Pod, pod
from tests.e2e.python_image import shared_libraries

MARK: Final = "CHAOS_ID"
KEEPERS: Final = ("example.com/tests/keeper:1", "example.com/tests/keeper:2")
_START: Final = f"""
exec 9>>"/chaos/$CHAOS_UID.$CHAOS_NAME.lock"
flock -n 9 || echo "${MARK}" >> /chaos/doubled
echo "${MARK}" >> /chaos/started
"""
CONFIG: Final[dict[str, Any]] = {
    "apiVersion": "v1",
    "kind": "ConfigMap",
    "metadata": {"name": "chaos", "namespace": "default"},
    "data": {"word": "first"},
}


@dataclass(frozen=True, slots=True)
class Kind:
    """A kind of pod; one that ``ends`` has to succeed, any other to become ready."""

    name: str
    make: Callable[[str, str], Pod]
    ends: bool = False


def build_keeper(name: str, target: Path) -> None:
    """Build an image for the containers: busybox, and the machine's own flock. Raises ClusterError."""
    base = busybox_recipe(busybox_files(), name)
    found = shutil.which("flock")
    assert found, "flock is not installed: install util-linux"
    needed = [Path(found), *shared_libraries([Path(found)])]
    recipe = ImageRecipe(
        name=name,
        architecture=base.architecture,
        files={**base.files, **{str(path)[1:]: path.read_bytes() for path in needed}},
        links=base.links,
        directories=base.directories,
        command=base.command,
    )
    build(recipe, target)


def container(name: str, script: str, **rest: Any) -> dict[str, Any]:
    """Return a container that says who it is, and then runs a script."""
    mounts = [{"name": "chaos", "mountPath": "/chaos"}, *rest.pop("volumeMounts", ())]
    return {
        "name": name,
        "image": KEEPERS[0],
        "imagePullPolicy": "IfNotPresent",
        "command": ["sh", "-c", _START + script],
        "env": [
            {"name": "CHAOS_UID", "valueFrom": {"fieldRef": {"fieldPath": "metadata.uid"}}},
            {"name": "CHAOS_NAME", "value": name},
            {"name": MARK, "value": f"$(CHAOS_UID)/{name}"},
        ],
        "volumeMounts": mounts,
        **rest,
    }


def _pod(name: str, directory: str, *containers: dict[str, Any], **spec: Any) -> Pod:
    volumes = [{"name": "chaos", "hostPath": {"path": directory}}, *spec.pop("volumes", ())]
    return pod(name, *containers, volumes=volumes, **spec)


def _plain(name: str, directory: str) -> Pod:
    return _pod(name, directory, container("main", SLEEP))


def _initialized(name: str, directory: str) -> Pod:
    init = [container("first", "true"), container("second", "sleep 1")]
    return _pod(name, directory, container("main", SLEEP), initContainers=init)


def _sidecar(name: str, directory: str) -> Pod:
    beside = container("beside", SLEEP, restartPolicy="Always")
    return _pod(name, directory, container("main", SLEEP), initContainers=[beside])


def _probed(name: str, directory: str) -> Pod:
    ready = {"exec": {"command": ["test", "-f", "/tmp/up"]}, "periodSeconds": 2}
    alive = {"exec": {"command": ["true"]}, "periodSeconds": 5, "timeoutSeconds": 30, "failureThreshold": 10}
    main = container("main", f"mkdir -p /tmp; touch /tmp/up; {SLEEP}", readinessProbe=ready, livenessProbe=alive)
    return _pod(name, directory, main)


def _with_directories(name: str, directory: str) -> Pod:
    volumes = [{"name": "disk", "emptyDir": {}}, {"name": "memory", "emptyDir": {"medium": "Memory"}}]
    mounts = [{"name": volume["name"], "mountPath": f"/{volume['name']}"} for volume in volumes]
    containers = [container(each, f"touch /disk/{each} /memory/{each}; {SLEEP}", volumeMounts=mounts) for each in "ab"]
    return _pod(name, directory, *containers, volumes=volumes)


def _configured(name: str, directory: str) -> Pod:
    main = container(
        "main",
        f"cat /config/word; {SLEEP}",
        volumeMounts=[{"name": "config", "mountPath": "/config"}],
        envFrom=[{"configMapRef": {"name": "chaos"}}],
    )
    return _pod(name, directory, main, volumes=[{"name": "config", "configMap": {"name": "chaos"}}])


def _hooked(name: str, directory: str) -> Pod:
    hooks = {"postStart": {"exec": {"command": ["true"]}}, "preStop": {"exec": {"command": ["sleep", "1"]}}}
    return _pod(name, directory, container("main", SLEEP, lifecycle=hooks), terminationGracePeriodSeconds=5)


def _stubborn(name: str, directory: str) -> Pod:
    return _pod(name, directory, container("main", "trap '' TERM; while :; do sleep 1; done"))


def _once(name: str, directory: str) -> Pod:
    return _pod(name, directory, container("main", "sleep 2"), restartPolicy="Never")


def _retried(name: str, directory: str) -> Pod:
    main = container(
        "main",
        "[ -f /work/tried ] && exit 0; touch /work/tried; exit 1",
        volumeMounts=[{"name": "work", "mountPath": "/work"}],
    )
    return _pod(name, directory, main, restartPolicy="OnFailure", volumes=[{"name": "work", "emptyDir": {}}])


KINDS: Final = (
    Kind("plain", _plain),
    Kind("initialized", _initialized),
    Kind("sidecar", _sidecar),
    Kind("probed", _probed),
    Kind("directories", _with_directories),
    Kind("configured", _configured),
    Kind("hooked", _hooked),
    Kind("stubborn", _stubborn),
    Kind("once", _once, ends=True),
    Kind("retried", _retried, ends=True),
)
