"""Pods of mixed kinds are made, changed and deleted on two nodes while the cluster's processes are killed at random.

Whatever is killed, in the end: everything runs that should and nothing else, nothing ran twice at once or was started
without being counted, nothing of a pod that is gone is left on the machine, and what the API server says is so.
``CHAOS_SEED`` chooses what happens, ``CHAOS_S`` for how long (``make chaos``: ten minutes). A seed gives the same
operations and victims in the same order, not the same timing.
"""

import json
import os
import random
import signal
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import FIRST_COMPLETED, ThreadPoolExecutor, wait
from pathlib import Path
from typing import Any, Final

import pytest

from podbay.standalone.admin import Admin
from podbay.standalone.cluster import Cluster
from podbay.standalone.errors import ClusterError
from tests.e2e.chaos_pods import CONFIG, KEEPERS, KINDS, Kind, build_keeper
from tests.e2e.chaos_traces import NodeTraces, running, traces
from tests.e2e.harness import Pod, RealCluster, until

SECONDS: Final = float(os.environ.get("CHAOS_S", "60"))
SEED: Final = int(os.environ.get("CHAOS_SEED") or random.SystemRandom().randrange(1 << 32))
PODS: Final = 100
_VICTIMS: Final = (("server.pid",), ("node-2", "agent.pid"), ("node-1", "containerd.pid"), ("node-2", "containerd.pid"))
_SETTLED_S: Final = 300.0
_PATH: Final = "/api/v1/namespaces/default/pods"


class Chaos:
    """One run: what is done, whom it hits, and what was seen meanwhile."""

    def __init__(self, cluster: RealCluster, directory: Path) -> None:
        self.cluster = cluster
        self.place = Cluster(cluster.name)
        self.directory = directory
        self.started = directory / "started"
        self.started.touch(mode=0o666)
        self.promised: dict[str, str] = {}  # pods that the API server has acknowledged, and the label it has last
        self.over = threading.Event()
        self.kinds: dict[str, Kind] = {f"chaos-{n}": KINDS[n % len(KINDS)] for n in range(PODS)}
        self.done: Counter[str] = Counter()
        self.doubled: set[str] = set()
        self._admin = Admin(self.place)

    def operate(self) -> None:
        """Make all pods; then change, delete and make pods until it is over."""
        rng = random.Random(SEED)
        alive = self.promised
        for name in self.kinds:
            self.begin(name)
        while not self.over.wait(rng.uniform(0.02, 0.3)):
            name = rng.choice(list(self.kinds))
            dice, grace_s, word = rng.random(), rng.choice((0, 1, 5)), str(rng.randrange(1000))
            if name not in alive:
                self.begin(name)
            elif dice < 0.5:
                options = {"apiVersion": "v1", "kind": "DeleteOptions", "gracePeriodSeconds": grace_s}
                self.ask("DELETE", f"{_PATH}/{name}", options)
                self.done["deleted"] += 1
                del alive[name]
            elif dice < 0.7 and self.kinds[name].name == "plain":
                image = KEEPERS[dice < 0.6]
                self.patch(f"{_PATH}/{name}", {"spec": {"containers": [{"name": "main", "image": image}]}}, "strategic")
            elif dice < 0.8:
                self.patch(
                    f"/api/v1/namespaces/default/configmaps/{CONFIG['metadata']['name']}", {"data": {"word": word}}
                )
            else:
                self.patch(f"{_PATH}/{name}", {"metadata": {"labels": {"word": word}, "annotations": {"word": word}}})
                alive[name] = word

    def begin(self, name: str) -> None:
        """Make a pod, if the one of its name before is gone."""
        if self.create(name):
            self.done["created"] += 1
            self.promised[name] = ""

    def create(self, name: str) -> bool:
        """Create a pod, and tell whether it is there: one of its name may still be ending, and a cut answer is open."""
        status, _ = self.ask("POST", _PATH, self.made(name))
        if status == 409:
            status, found = self.ask("GET", f"{_PATH}/{name}", None)
            return status == 200 and "deletionTimestamp" not in found["metadata"]
        return status == 201

    def made(self, name: str) -> Pod:
        """Return a pod's manifest."""
        return self.kinds[name].make(name, str(self.directory))

    def patch(self, path: str, body: Any, kind: str = "merge") -> None:
        """Change something that is there."""
        suffix = "strategic-merge-patch" if kind == "strategic" else "merge-patch"
        status, answer = self.ask("PATCH", path, body, f"application/{suffix}+json")
        assert status == 200, (path, status, answer)
        self.done["changed"] += 1

    def ask(self, method: str, path: str, body: Any, content_type: str = "application/json") -> tuple[int, Any]:
        """Send a request, again until the API server answers, whatever it answers; return status and answer."""
        sent = json.dumps(body).encode() if body else b""

        def answered() -> tuple[int, Any] | None:
            try:
                status, _, answer = self._admin.send(method, path, sent, {"Content-Type": content_type}, timeout_s=30)
            except (ClusterError, OSError):
                return None
            assert status not in (400, 403, 422, 500), (method, path, status, answer)
            return status, json.loads(answer)

        found: tuple[int, Any] = until(answered, "the API server answers", patience_s=60)
        return found

    def kill(self) -> None:
        """Kill the cluster's processes, and start those again that nobody else does, until it is over."""
        rng = random.Random(SEED + 1)
        while not self.over.wait(rng.uniform(0.5, 4.0)):
            victim, delay_s = rng.choice(_VICTIMS), rng.uniform(0.0, 2.0)
            try:
                os.kill(self.cluster.pid(*victim), signal.SIGKILL)
                self.done[f"{' '.join(victim).removesuffix('.pid')} killed"] += 1
            except (FileNotFoundError, ProcessLookupError):
                continue  # it is being started again
            if "containerd.pid" not in victim:
                self.over.wait(delay_s)
                self.cluster.up()

    def watch(self) -> None:
        """Look for containers that run twice at once, until it is over."""
        while not self.over.wait(0.2):
            self.doubled |= {who for who, count in running(self.place).items() if count > 1}

    def run(self) -> None:
        """Do all of it for as long as it shall be, and bring everything up again."""
        with ThreadPoolExecutor(3) as pool:
            parts = [pool.submit(part) for part in (self.operate, self.kill, self.watch)]
            wait(parts, SECONDS, FIRST_COMPLETED)  # a part that fails ends the others
            self.over.set()
            for part in parts:
                part.result()
        self.cluster.up()

    def close(self) -> None:
        """Close the connection."""
        self._admin.close()

    def pods(self) -> list[Pod]:
        """Return the pods that the API server has."""
        found: list[Pod] = self._admin.get(_PATH)["items"]
        return found

    def nodes(self) -> list[NodeTraces]:
        """Return what there is on each node."""
        return [traces(self.place.node(index)) for index in (1, 2)]

    def wrong(self) -> list[str]:
        """Return what is not as it should be."""
        pods = self.pods()
        found = [f"{pod['metadata']['name']} {why}" for pod in pods if (why := self._wrong_status(pod))]
        labels = {pod["metadata"]["name"]: pod["metadata"].get("labels", {}).get("word", "") for pod in pods}
        found += [f"promised: {self.promised}, there: {labels}"] if labels != self.promised else []
        wanted = {who for pod in pods for who in _wanted(pod)}
        runs = running(self.place)
        found += [f"{who} is missing" for who in sorted(wanted - set(runs))]
        found += [f"{who} runs and should not" for who in sorted(set(runs) - wanted)]
        found += [f"{who} runs {count} times" for who, count in runs.items() if count > 1]
        known = {pod["metadata"]["uid"] for pod in pods}
        sandboxes = {pod["metadata"]["uid"] for pod in pods if pod["status"].get("phase") == "Running"}
        seen = self.nodes()
        told = [f"{c.labels['io.kubernetes.pod.uid']}/{c.name}" for node in seen for c in node.live]
        found += [f"the runtimes run {sorted(told)}, not {sorted(wanted)}"] if sorted(told) != sorted(wanted) else []
        ready = sorted(sandbox.uid for node in seen for sandbox in node.ready)
        found += [f"the sandboxes of {ready} run, not of {sorted(sandboxes)}"] if ready != sorted(sandboxes) else []
        for index, node in enumerate(seen, 1):
            found += _leaks(node, known, f"node-{index}")
        return found

    def _wrong_status(self, pod: Pod) -> str:
        status = pod["status"]
        phase, conditions = status.get("phase"), {c["type"]: c["status"] for c in status.get("conditions") or ()}
        if "deletionTimestamp" in pod["metadata"]:
            return "is being deleted"
        if self.kinds[pod["metadata"]["name"]].ends:
            return "" if phase == "Succeeded" or _is_lost(status) else f"has not succeeded: {status}"
        return "" if phase == "Running" and conditions.get("Ready") == "True" else f"is not ready: {status}"

    def miscounted(self) -> list[str]:
        """Return which containers were started more often than their pods' statuses say."""
        starts = Counter(self.started.read_text().split())
        found = []
        for pod in self.pods():
            status = pod["status"]
            for each in (*status.get("initContainerStatuses", ()), *status.get("containerStatuses", ())):
                count = starts[f"{pod['metadata']['uid']}/{each['name']}"]
                if not 1 <= count <= each["restartCount"] + 1:
                    found.append(f"{pod['metadata']['name']} {each['name']} began {count} times: {each}")
        return found

    def twice(self) -> set[str]:
        """Return which containers ran twice at once: that were seen to, or that found their lock held."""
        told = self.directory / "doubled"
        return self.doubled | (set(told.read_text().split()) if told.exists() else set())

    def delete_all(self) -> None:
        """Delete every pod, with little grace."""
        options = {"apiVersion": "v1", "kind": "DeleteOptions", "gracePeriodSeconds": 1}
        self.promised.clear()
        for pod in self.pods():
            self.ask("DELETE", f"{_PATH}/{pod['metadata']['name']}", options)


def _is_lost(status: Any) -> bool:
    """Tell whether a pod failed because its container ended while containerd was dead: then nobody knows how."""
    ends = [each["state"].get("terminated", {}) for each in status.get("containerStatuses", ())]
    told = {(end.get("exitCode"), end.get("reason")) for end in ends}
    return status.get("phase") == "Failed" and told == {(255, "Unknown")}


def _wanted(pod: Pod) -> list[str]:
    """Return which containers of a pod should run."""
    if pod["status"].get("phase") != "Running":
        return []
    spec = pod["spec"]
    lasting = [c for c in spec.get("initContainers", ()) if c.get("restartPolicy") == "Always"] + spec["containers"]
    return [f"{pod['metadata']['uid']}/{container['name']}" for container in lasting]


def _leaks(node: NodeTraces, known: set[str], name: str) -> list[str]:
    wanted = len(node.ready)
    found = [f"{name}: {n} {what} of {wanted} sandboxes" for what, n in node.of_sandboxes.items() if n != wanted]
    for what, uids in node.of_pods.items():
        if left := uids - known:
            found.append(f"{name}: {what} of pods that are gone: {sorted(left)}")
    live = {sandbox.id for sandbox in node.ready} | {container.id for container in node.live}
    for what, ids in node.of_live.items():
        if left := ids - live:
            found.append(f"{name}: {what} of what does not live: {sorted(left)}")
    if left := {sandbox.uid for sandbox in node.sandboxes} - known:
        found.append(f"{name}: sandboxes of pods that are gone: {sorted(left)}")
    return found


def once_right(wrong: Callable[[], list[str]], what: str) -> None:
    """Wait until nothing is wrong, and tell what still is."""
    last: list[str] = []

    def is_right() -> bool:
        last[:] = wrong()
        return not last

    try:
        until(is_right, what, patience_s=_SETTLED_S)
    except AssertionError:
        raise AssertionError(f"seed {SEED}, {what}: " + "\n".join(last)) from None


@pytest.fixture
def chaos(another: RealCluster, tmp_path: Path) -> Iterator[Chaos]:
    another.up("--nodes", "2")
    for number, name in enumerate(KEEPERS):
        archive = tmp_path / f"keeper-{number}.tar"
        build_keeper(name, archive)
        another.podbay("image", "import", str(archive), "--name", another.name)
    another.apply(CONFIG)
    directory = tmp_path / "chaos"
    directory.mkdir(mode=0o777)
    made = Chaos(another, directory)
    yield made
    made.close()


@pytest.mark.timeout(SECONDS + 3 * _SETTLED_S)
def test_whatever_is_killed_everything_is_as_it_should_be_in_the_end(chaos: Chaos) -> None:
    print(f"\nCHAOS_SEED={SEED} CHAOS_S={SECONDS:.0f}")
    chaos.run()
    began = time.monotonic()
    once_right(chaos.wrong, "all is as it should be")
    settled_s = time.monotonic() - began
    assert chaos.twice() == set(), f"seed {SEED}: these ran twice at once"
    assert chaos.miscounted() == [], f"seed {SEED}"
    left = len(chaos.pods())
    chaos.delete_all()
    once_right(lambda: [pod["metadata"]["name"] for pod in chaos.pods()] or chaos.wrong(), "nothing is left")
    told = ", ".join(f"{count} {what}" for what, count in sorted(chaos.done.items()))
    print(f"{told}; {left} pods in the end; settled after {settled_s:.0f} s; nothing wrong, nothing left")
