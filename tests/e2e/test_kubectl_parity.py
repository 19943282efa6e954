"""podbay's command line beside kubectl 1.33's: the same words, the same server, the same lines and exit code.

The server runs in this process, over HTTPS. Commands that only read are run on the same objects. Commands that change
something are run in a namespace for each program. Ages and the program's own name are the only things not compared.
"""

import asyncio
import base64
import functools
import http.server
import json
import os
import re
import shlex
import shutil
import subprocess
import sys
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Final

import pytest

import podbay
from podbay.apiserver.config import ApiServerConfig
from podbay.apiserver.server import ApiServer
from podbay.lib.clock import RealClock
from podbay.serving.door import serve
from podbay.standalone.credentials import Credentials
from podbay.standalone.pki import Pki
from podbay.store.memory import MemoryStore
from tests.e2e.harness import NEWEST, kubectl_path

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(600)]
Outcome = tuple[int, list[str], list[str]]

_FILES: Final = Path(__file__).parent / "parity"


def _lines(name: str) -> list[str]:
    text = (_FILES / name).read_text()
    return [line for line in text.splitlines() if line and not line.startswith("#")]


_OLD: Final = "2026-01-01T00:00:00Z"
_STATUSES: Final = {
    "kubia": {
        "phase": "Running", "hostIP": "10.0.0.1", "podIP": "10.1.0.2", "podIPs": [{"ip": "10.1.0.2"}],
        "startTime": _OLD,
        "conditions": [{"type": "Ready", "status": "True"}],
        "containerStatuses": [
            {"name": "kubia", "ready": True, "restartCount": 2, "image": "wanstack/kubia", "imageID": "sha256:1",
             "containerID": "containerd://1", "started": True, "state": {"running": {"startedAt": _OLD}},
             "lastState": {"terminated": {"exitCode": 3, "reason": "Error", "startedAt": _OLD, "finishedAt": _OLD}}},
            {"name": "side", "ready": False, "restartCount": 0, "image": "busybox", "imageID": "",
             "state": {"waiting": {"reason": "ImagePullBackOff", "message": "Back-off pulling"}}, "lastState": {}},
        ],
    },
    "crash": {
        "phase": "Running", "message": "m", "conditions": [{"type": "Ready", "status": "False"}],
        "containerStatuses": [
            {"name": "c", "ready": False, "restartCount": 7, "image": "busybox", "imageID": "sha256:1",
             "containerID": "containerd://1", "started": False,
             "state": {"waiting": {"reason": "CrashLoopBackOff", "message": "back-off 10s"}},
             "lastState": {"terminated": {"exitCode": 137, "signal": 9, "reason": "OOMKilled", "message": "two\nlines",
                                          "startedAt": _OLD, "finishedAt": _OLD}}},
        ],
    },
    "done": {
        "phase": "Failed",
        "containerStatuses": [
            {"name": "c", "ready": False, "restartCount": 0, "image": "busybox", "imageID": "sha256:1",
             "containerID": "containerd://1", "lastState": {},
             "state": {"terminated": {"exitCode": 3, "reason": "Error", "startedAt": _OLD, "finishedAt": _OLD}}},
        ],
    },
    "rich2": {
        "phase": "Pending",
        "initContainerStatuses": [
            {"name": "init1", "ready": False, "restartCount": 0, "image": "busybox", "imageID": "sha256:1",
             "containerID": "containerd://1", "state": {"running": {"startedAt": _OLD}}, "lastState": {}},
        ],
        "containerStatuses": [
            {"name": "main", "ready": False, "restartCount": 0, "image": "nginx", "imageID": "", "lastState": {},
             "state": {"waiting": {"reason": "PodInitializing"}}},
            {"name": "two", "ready": False, "restartCount": 0, "image": "busybox", "imageID": "", "lastState": {},
             "state": {"waiting": {"reason": "PodInitializing"}}},
        ],
    },
    "ends/evicted": {
        "phase": "Failed", "reason": "Evicted", "startTime": _OLD, "qosClass": "Burstable",
        "message": "The node was low on resource: memory. Threshold quantity: 100Mi, available: 50Mi. "
        "Container c was using 80Mi, request is 64Mi, has larger consumption of memory. ",
        "conditions": [
            {"type": "DisruptionTarget", "status": "True", "reason": "TerminationByKubelet", "message": "low"},
            {"type": "PodReadyToStartContainers", "status": "False"},
            {"type": "Initialized", "status": "True"},
            {"type": "Ready", "status": "False", "reason": "PodFailed"},
        ],
        "containerStatuses": [
            {"name": "c", "ready": False, "restartCount": 0, "image": "busybox", "imageID": "", "started": False,
             "state": {"terminated": {"exitCode": 137, "reason": "ContainerStatusUnknown",
                                      "message": "The container could not be located when the pod was terminated"}},
             "lastState": {"terminated": {"exitCode": 0, "startedAt": None, "finishedAt": None}}},
        ],
    },
    "ends/preempted": {
        "phase": "Failed", "podIP": "10.1.0.9", "podIPs": [{"ip": "10.1.0.9"}, {"ip": "fd00::9"}],
        "conditions": [
            {"type": "DisruptionTarget", "status": "True", "reason": "PreemptionByScheduler",
             "message": "scheduler: preempting to accommodate a higher priority pod"},
            {"type": "PodScheduled", "status": "True"},
        ],
        "containerStatuses": [
            {"name": "c", "ready": False, "restartCount": 1, "image": "busybox", "imageID": "sha256:1",
             "containerID": "containerd://1", "lastState": {},
             "state": {"terminated": {"exitCode": 143, "reason": "Error", "startedAt": _OLD, "finishedAt": _OLD,
                                      "containerID": "containerd://1"}}},
        ],
    },
    "ends/oom": {
        "phase": "Running", "startTime": _OLD,
        "conditions": [
            {"type": "PodResizePending", "status": "True", "reason": "Deferred", "message": "not now"},
            {"type": "PodResizeInProgress", "status": "True"},
            {"type": "Ready", "status": "True"},
        ],
        "containerStatuses": [
            {"name": "c", "ready": True, "restartCount": 1, "image": "busybox", "imageID": "sha256:1",
             "containerID": "containerd://2", "started": True, "state": {"running": {"startedAt": _OLD}},
             "allocatedResources": {"cpu": "1", "memory": "64Mi"}, "resources": {"limits": {"memory": "64Mi"}},
             "lastState": {"terminated": {"exitCode": 137, "reason": "OOMKilled", "containerID": "containerd://1",
                                          "startedAt": _OLD, "finishedAt": _OLD}}},
        ],
    },
    "ends/nominated": {
        "phase": "Pending", "nominatedNodeName": "n1",
        "conditions": [{"type": "PodScheduled", "status": "False", "reason": "Unschedulable", "message": "0/1 nodes"}],
    },
    "ends/pulls": {
        "phase": "Pending", "startTime": _OLD, "hostIP": "10.0.0.1",
        "containerStatuses": [
            {"name": "c", "ready": False, "restartCount": 0, "image": "nowhere.example/none:1", "imageID": "",
             "started": False, "lastState": {},
             "state": {"waiting": {"reason": "ErrImagePull", "message": "failed to pull\nand unpack image"}}},
            {"name": "d", "ready": False, "restartCount": 0, "image": "busybox", "imageID": "", "started": False,
             "lastState": {}, "state": {"waiting": {"reason": "ErrImageNeverPull", "message": "it is not present"}}},
        ],
    },
    "ends/forms": {
        "phase": "Running", "startTime": _OLD,
        "conditions": [{"type": "example.com/loaded", "status": "True"}, {"type": "Ready", "status": "False"}],
        "initContainerStatuses": [
            {"name": "first", "ready": True, "restartCount": 0, "image": "busybox", "imageID": "sha256:1",
             "containerID": "containerd://1", "lastState": {},
             "state": {"terminated": {"exitCode": 0, "reason": "Completed", "startedAt": _OLD, "finishedAt": _OLD}}},
            {"name": "beside", "ready": True, "restartCount": 4, "image": "busybox", "imageID": "sha256:1",
             "containerID": "containerd://2", "started": True, "state": {"running": {"startedAt": _OLD}},
             "lastState": {"terminated": {"exitCode": 1, "signal": 15, "reason": "Error", "startedAt": _OLD,
                                          "finishedAt": _OLD}}},
        ],
        "containerStatuses": [
            {"name": "d", "ready": False, "restartCount": 0, "image": "busybox", "imageID": "", "lastState": {},
             "state": {}},
        ],
        "ephemeralContainerStatuses": [
            {"name": "debug", "ready": False, "restartCount": 0, "image": "busybox", "imageID": "sha256:1",
             "containerID": "containerd://3", "lastState": {}, "state": {"running": {"startedAt": _OLD}}},
        ],
    },
    "rich": {
        "phase": "Pending",
        "containerStatuses": [
            {"name": "main", "ready": False, "restartCount": 0, "image": "nginx", "imageID": "", "lastState": {},
             "state": {"waiting": {"reason": "PodInitializing"}}},
        ],
    },
}  # fmt: skip


_QUOTA_STATUS: Final = {
    "hard": {"pods": "5", "limits.memory": "2Gi", "requests.cpu": "2500m"},
    "used": {"pods": "1", "limits.memory": "1073741824", "requests.cpu": "200m"},
}


class World:
    """A server with objects, and both programs."""

    def __init__(self, home: Path, address: str, kubectl: str) -> None:
        self.home, self.kubectl = home, kubectl
        source = str(Path(podbay.__file__).parents[1])  # the source under test, wherever a command runs
        self.environment = {
            **os.environ, "KUBECONFIG": str(home / "config"), "HOME": str(home), "TZ": "UTC", "PYTHONPATH": source,
        }  # fmt: skip
        self.address = address
        self.said: dict[str, tuple[Outcome, Outcome]] = {}

    def both(self, line: str) -> tuple[str, tuple[Outcome, Outcome]]:
        """Return a line with what each program says to it."""
        words = shlex.split(line)
        return line, (self.run("podbay", *words), self.run("kubectl", *words))

    def run(self, program: str, *words: str, stdin: str = "") -> Outcome:
        """Return exit code, lines of output and lines of errors, without ages and the program's name."""
        start = [self.kubectl] if program == "kubectl" else [sys.executable, "-m", "podbay"]
        done = subprocess.run(
            [*start, *words],
            env=self.environment,
            cwd=self.home,
            input=stdin,
            text=True,
            capture_output=True,
            timeout=60,
        )
        return done.returncode, _plain(done.stdout), _plain(done.stderr)


_LOGGED: Final = re.compile(r"[IWE]\d{4} \d\d:\d\d:")


def _plain(text: str) -> list[str]:
    text = text.replace("podbay", "kubectl").replace("kubectl.1.33", "kubectl")
    # What kubectl logs about itself, and what is another number each time, is not compared.
    text = "".join(line for line in text.splitlines(keepends=True) if not _LOGGED.match(line))
    text = re.sub(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", "UID", text)
    text = re.sub(r"(resourceVersion\"?: )\"\d+\"", r"\1RV", text)
    text = re.sub(r"(reationTimestamp\"?: )\"[^\"]+\"", r"\1NOW", text)
    text = re.sub(r"object given to jsonpath engine was:\n.*", "OBJECT", text)
    # Ages here are below four minutes; nothing else (300s, 100m) may be hidden.
    text = re.sub(r"(?<![\w.])(?:(?:\d{1,2}|1[01]\d)s|[23]m\d{1,2}s)(?!\w)", "AGE", text)
    return [re.sub(r" +AGE *", " AGE ", line) for line in text.splitlines()]


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    home = tmp_path_factory.mktemp("parity")
    pki = Pki(home / "pki", RealClock())
    credentials = Credentials(pki.ca.certificate)
    started, address, stop = threading.Event(), [""], asyncio.Event()
    loop = asyncio.new_event_loop()

    async def main() -> None:
        clock = RealClock()
        store = MemoryStore(clock)
        api = ApiServer(store, clock, ApiServerConfig())
        await api.start()
        tls = credentials.server_context(pki.server(pki.pair("server"), "server", [], ["127.0.0.1"]))
        door = await serve(api.handle, host="127.0.0.1", port=0, tls=tls, limit_bytes=3 << 20)
        address[0] = f"https://127.0.0.1:{door.port}"
        started.set()
        await stop.wait()
        await door.close()
        await api.close()
        await store.close()

    thread = threading.Thread(target=lambda: loop.run_until_complete(main()), daemon=True)
    thread.start()
    assert started.wait(30), "the API server did not start"
    config = credentials.client_config(address[0], pki.client(pki.pair("admin"), "admin", ["system:masters"]))
    ca, cert, key = (
        base64.b64encode(pem).decode() for pem in (config.ca_pem, config.client_cert_pem, config.client_key_pem)
    )
    (home / "config").write_text(
        "apiVersion: v1\nkind: Config\n"
        f"clusters: [{{name: c, cluster: {{server: '{address[0]}', certificate-authority-data: {ca}}}}}]\n"
        f"users: [{{name: u, user: {{client-certificate-data: {cert}, client-key-data: {key}}}}}]\n"
        "contexts: [{name: c, context: {cluster: c, user: u}}]\ncurrent-context: c\n"
    )
    shutil.copytree(_FILES / "files", home, dirs_exist_ok=True)
    (home / "emptydir").mkdir()
    made = World(home, address[0], kubectl_path(NEWEST))
    statuses = [
        (
            [
                "patch",
                "pod",
                name,
                f"-n={namespace or 'default'}",
                "--subresource=status",
                "--type=merge",
                "-p",
                json.dumps({"status": status}),
            ],
            "",
        )
        for namespace, _, name, status in ((*path.rpartition("/"), status) for path, status in _STATUSES.items())
    ]
    debug = {"name": "debug", "image": "busybox", "targetContainerName": "c", "stdin": True, "command": ["sh"]}
    ephemeral = json.dumps({"spec": {"ephemeralContainers": [debug, {"name": "more", "image": "busybox"}]}})
    statuses.append((["patch", "pod", "forms", "-n=ends", "--subresource=ephemeralcontainers", "-p", ephemeral], ""))
    quota_status = json.dumps({"status": _QUOTA_STATUS})
    patch = ["patch", "quota", "team", "-n", "limited", "--subresource=status", "--type=merge", "-p", quota_status]
    statuses.append((patch, ""))
    objects = (_FILES / "objects.yaml").read_text()
    for words, text in [(["create", "-f", "-"], objects), (["create", "ns", "other"], ""), *statuses]:
        code, _, errors = made.run("kubectl", *words, stdin=text)
        assert code == 0, errors
    with ThreadPoolExecutor(4) as pool:
        made.said.update(pool.map(made.both, _lines("reads.txt")))
    yield made
    loop.call_soon_threadsafe(stop.set)
    thread.join(30)
    loop.close()


@pytest.mark.parametrize("line", _lines("reads.txt"))
def test_a_command_that_changes_nothing_says_what_kubectl_says(world: World, line: str) -> None:
    ours, kubectls = world.said[line]
    assert ours == kubectls


@pytest.mark.timeout(600)
def test_commands_that_change_something_say_what_kubectl_says(world: World) -> None:
    with ThreadPoolExecutor(2) as pool:
        ours = pool.submit(_changes, world, "podbay", "mine-a")
        kubectls = pool.submit(_changes, world, "kubectl", "mine-b")
    differing = [pair for pair in zip(ours.result(), kubectls.result(), strict=True) if pair[0] != pair[1]]
    assert differing == []


def _changes(world: World, program: str, namespace: str) -> list[tuple[str, Outcome]]:
    said = []
    for line in _lines("changes.txt"):
        command, _, stdin = line.partition(" <<< ")
        words = shlex.split(command.replace("$ns", namespace))
        code, output, errors = world.run(program, *words, stdin=stdin.encode().decode("unicode_escape"))
        both = ([re.sub("mine-[ab]", "mine", text) for text in texts] for texts in (output, errors))
        said.append((line, (code, *both)))
    return said  # type: ignore[return-value]  # a tuple of three


def test_manifests_come_from_urls_too(world: World) -> None:
    handler = functools.partial(http.server.SimpleHTTPRequestHandler, directory=str(world.home))
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        base = f"http://127.0.0.1:{server.server_address[1]}"
        for line in (
            f"create -f {base}/cm.yaml --dry-run=server",
            f"create -f {base}/nope.yaml",
            f"apply -f {base}/cm.yaml,{base}/made.yaml --dry-run=server",
        ):
            ours, kubectls = world.both(line)[1]
            assert ours == kubectls, line
        server.shutdown()
