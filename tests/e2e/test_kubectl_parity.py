"""podbay's command line beside kubectl 1.33's: the same words, the same server, the same lines and exit code.

The server runs in this process, over HTTPS. Commands that only read are run on the same objects. Commands that change
something are run in a namespace for each program. Ages and the program's own name are the only things not compared.
"""

import asyncio
import base64
import os
import re
import subprocess
import sys
import threading
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from podbay.apiserver.config import ApiServerConfig
from podbay.apiserver.server import ApiServer
from podbay.lib.clock import RealClock
from podbay.serving.door import serve
from podbay.standalone.pki import Pki
from podbay.store.memory import MemoryStore
from tests.e2e.harness import NEWEST, kubectl_path

pytestmark = pytest.mark.e2e

_OBJECTS = """
apiVersion: v1
kind: Node
metadata: {name: n1, labels: {kubernetes.io/hostname: n1, gpu: "true"}}
status: {allocatable: {cpu: "2", memory: 4Gi, pods: "110"}, capacity: {cpu: "2", memory: 4Gi, pods: "110"}}
---
apiVersion: v1
kind: Pod
metadata: {name: kubia, labels: {env: prod, app: kubia}, annotations: {note: "a b"}}
spec:
  nodeName: n1
  containers:
  - name: kubia
    image: wanstack/kubia
    ports: [{containerPort: 8080, name: http}]
    env: [{name: A, value: "1"}]
    resources: {requests: {cpu: 100m, memory: 64Mi}}
  - {name: side, image: busybox, command: [sleep, "9"]}
---
apiVersion: v1
kind: Pod
metadata: {name: waits, labels: {env: devel}}
spec: {nodeSelector: {gpu: "no"}, containers: [{name: waits, image: "busybox:1"}]}
---
apiVersion: v1
kind: ConfigMap
metadata: {name: settings}
data: {a: "1", b: "two\\nlines\\n"}
"""
_POD = "apiVersion: v1\nkind: Pod\nmetadata: {name: made}\nspec: {containers: [{name: c, image: busybox}]}\n"
_STATUS = (
    '{"status":{"phase":"Running","hostIP":"10.0.0.1","podIP":"10.1.0.2","podIPs":[{"ip":"10.1.0.2"}],'
    '"conditions":[{"type":"Ready","status":"True"}],"containerStatuses":[{"name":"kubia","ready":true,'
    '"restartCount":2,"image":"wanstack/kubia","imageID":"sha256:1","containerID":"containerd://1","started":true,'
    '"state":{"running":{"startedAt":"2026-01-01T00:00:00Z"}},"lastState":{"terminated":{"exitCode":3,'
    '"reason":"Error","startedAt":"2026-01-01T00:00:00Z","finishedAt":"2026-01-01T00:00:01Z"}}}]}}'
)


class World:
    """A server with objects, and both programs."""

    def __init__(self, home: Path, address: str, kubectl: str) -> None:
        self.home, self.kubectl = home, kubectl
        self.environment = {**os.environ, "KUBECONFIG": str(home / "config"), "HOME": str(home), "TZ": "UTC"}
        self.address = address

    def run(self, program: str, *words: str, stdin: str = "") -> tuple[int, list[str], list[str]]:
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


def _plain(text: str) -> list[str]:
    text = text.replace("podbay", "kubectl")
    # Ages here are below two minutes, which are told in seconds; nothing else (300s, 100m) may be hidden.
    text = re.sub(r"(?<![\w.])(?:\d{1,2}|1[01]\d)s(?!\w)", "AGE", text)
    return [re.sub(r" +AGE *", " AGE ", line) for line in text.splitlines()]


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    home = tmp_path_factory.mktemp("parity")
    pki = Pki(home / "pki", datetime.now(UTC))
    started, address, stop = threading.Event(), [""], asyncio.Event()
    loop = asyncio.new_event_loop()

    async def main() -> None:
        clock = RealClock()
        api = ApiServer(MemoryStore(clock), clock, ApiServerConfig())
        await api.start()
        tls = pki.server_context(pki.server("server", "server", [], ["127.0.0.1"]))
        door = await serve(api.handle, host="127.0.0.1", port=0, tls=tls, limit_bytes=3 << 20)
        address[0] = f"https://127.0.0.1:{door.port}"
        started.set()
        await stop.wait()
        await door.close()
        await api.close()

    thread = threading.Thread(target=lambda: loop.run_until_complete(main()), daemon=True)
    thread.start()
    assert started.wait(30), "the API server did not start"
    config = pki.client_config(address[0], pki.client("admin", "admin", ["system:masters"]))
    ca, cert, key = (
        base64.b64encode(pem).decode() for pem in (config.ca_pem, config.client_cert_pem, config.client_key_pem)
    )
    (home / "config").write_text(
        "apiVersion: v1\nkind: Config\n"
        f"clusters: [{{name: c, cluster: {{server: '{address[0]}', certificate-authority-data: {ca}}}}}]\n"
        f"users: [{{name: u, user: {{client-certificate-data: {cert}, client-key-data: {key}}}}}]\n"
        "contexts: [{name: c, context: {cluster: c, user: u}}]\ncurrent-context: c\n"
    )
    (home / "made.yaml").write_text(_POD)
    (home / "bad.yaml").write_text(_POD.replace("image:", "imagee:"))
    made = World(home, address[0], kubectl_path(NEWEST))
    for words, text in (
        (["create", "-f", "-"], _OBJECTS),
        (["patch", "pod", "kubia", "--subresource=status", "--type=merge", "-p", _STATUS], ""),
    ):
        code, _, errors = made.run("kubectl", *words, stdin=text)
        assert code == 0, errors
    yield made
    loop.call_soon_threadsafe(stop.set)
    thread.join(30)
    loop.close()


READS = [
    "get pods", "get po kubia", "get pods -o wide", "get pods -A", "get po -l env=prod", "get po kubia waits -o name",
    "get po -l 'env in (prod,devel)' --show-labels", "get po -L env,app", "get po kubia -o yaml",
    "get po kubia -o json", "get po -o yaml", "get po -o jsonpath={.items[*].metadata.name}",
    "get po -o custom-columns=N:.metadata.name,I:.spec.containers[*].image", "get po --sort-by=.metadata.name",
    "get pods --no-headers", "get po --field-selector=spec.nodeName=n1", "get nodes", "get ns", "get cm settings",
    "get po,cm", "get po/kubia cm/settings", "get po nope", "get nope", "get po -n nope", "get events",
    "describe pod kubia", "describe pod waits", "describe po nope", "describe ns default", "describe node n1",
    "describe cm settings", "explain pod", "explain pod.apiVersion", "explain pod.spec.containers",
    "explain pod.spec.restartPolicy", "explain pod.spec.containers.ports --recursive", "explain pod.nope",
    "config view", "config current-context", "config get-contexts", "api-resources", "logs nope", "logs",
    "logs kubia -c nope", "exec nope -- ls", "delete po", "delete po nope", "create -f nope.yaml", "create -f bad.yaml",
    "label po kubia env=x", "label po kubia", "wait --for=condition=Ready po/kubia",
    "wait --for=condition=Ready po/waits --timeout=1s", "run web --image=nginx --dry-run=client -o yaml",
    "run web", "port-forward nope 1:2",
    "get po -l 'env notin (prod)'",
    'get all',
    'describe po',
    'describe no',
    'describe',
    'get pods --nope',
    'apply -f nope.yaml',
    'create',
    'create ns',
    'create ns a b',
    'wait po/kubia',
    'wait --for=delete po/nope',
    'wait --for=jsonpath={.status.phase}=Running po/kubia',
    'api-versions',
    'annotate po kubia',
    'attach nope',
    'exec kubia',
    'exec kubia ls',
    'get secret -n kube-system',
    'get sa',
    'get lease -A',
    'explain node.status --recursive',
    'explain lease',
    'explain nope',
    'get -f made.yaml',
    'config use-context nope',
    'get po kubia -o jsonpath=\'{range .spec.containers[*]}{.name}{"\\n"}{end}\'',
    'get po -o wide -A --show-labels',
    'get events -A',
    'get no -o wide',
    'delete ns nope',
    'delete',
    'get',
    'port-forward kubia',
    'run web --image=nginx -t',
    'label po nope a=b',
    'logs kubia --tail=x',
    'logs waits',
    'api-resources --namespaced=false',
    'get no n1 -o yaml',
    'run --image=a',
    'run web --image=a --rm',
    'run web --image=a -i --dry-run=client',
    "run web --image='A b'",
    'run web --image=a --port=x',
    'run web --image=a --restart=x',
    'run web --image=a --labels=a',
]  # fmt: skip


@pytest.mark.parametrize("line", READS)
def test_a_command_that_changes_nothing_says_what_kubectl_says(world: World, line: str) -> None:
    import shlex

    words = shlex.split(line)
    assert world.run("podbay", *words) == world.run("kubectl", *words)


SCRIPT = [
    "create -f made.yaml", "create -f made.yaml", "run web --image=nginx --port=80 --env=A=1,2 -l a=b -- x",
    "run web --image=nginx", "get po", "label po made env=prod", "label po made env=other",
    "label po made env=other --overwrite", "label po made env=other --overwrite", "label po made env-",
    "label po made env-", "label po made 'bad key=1'", "annotate po made who=me", "annotate po made who=you",
    "annotate po made who-", "apply -f made.yaml", "apply -f made.yaml", "create cm c --from-literal=a=1,2",
    "get cm c -o jsonpath={.data}", "delete -f made.yaml", "delete -f made.yaml", "delete po -l a=b",
    "delete po --all", "delete cm c --dry-run=server", "delete cm c -o name",
]  # fmt: skip


def test_commands_that_change_something_say_what_kubectl_says(world: World) -> None:
    import shlex

    said: dict[str, list[tuple[str, object]]] = {}
    for program, namespace in (("podbay", "mine-a"), ("kubectl", "mine-b")):
        lines: list[tuple[str, object]] = [("create ns", _same(world.run(program, "create", "ns", namespace)))]
        lines += [(line, _same(world.run(program, "-n", namespace, *shlex.split(line)))) for line in SCRIPT]
        lines.append(("delete ns", _same(world.run(program, "delete", "ns", namespace, "--wait=false"))))
        said[program] = lines
    assert [p for p in zip(said["podbay"], said["kubectl"], strict=True) if p[0] != p[1]] == []


def _same(outcome: tuple[int, list[str], list[str]]) -> tuple[int, list[str], list[str]]:
    code, output, errors = outcome
    return code, [re.sub("mine-[ab]", "mine", x) for x in output], [re.sub("mine-[ab]", "mine", x) for x in errors]
