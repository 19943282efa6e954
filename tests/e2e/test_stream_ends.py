"""How streams end: the client is killed, the container ends, the pod goes, the server goes. Nothing is left behind.

What is left behind would be a process in the container, or a file descriptor in a server.
"""

import os
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.e2e.harness import PATIENCE_S, SLEEP, RealCluster, kubectl_path, pod, shell, until

CLIENTS = ("podbay", "1.27", "1.30", "1.33")  # SPDY, WebSocket with and without the port-forward tunnel, and ours
_TALKS = "n=0; while :; do echo line $n; n=$((n+1)); sleep 0.05; done"


def tool(client: str) -> list[str]:
    return [sys.executable, "-m", "podbay"] if client == "podbay" else [kubectl_path(client)]


@contextmanager
def running(cluster: RealCluster, client: str, *words: str) -> Iterator["subprocess.Popen[str]"]:
    """Run a client with pipes; kill it in the end."""
    with subprocess.Popen(
        [*tool(client), *words],
        env=cluster.environment,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        try:
            yield process
        finally:
            process.kill()


def line_of(process: "subprocess.Popen[str]") -> str:
    assert process.stdout is not None
    return process.stdout.readline()


@pytest.fixture(scope="module")
def ends(cluster: RealCluster) -> Iterator[RealCluster]:
    """The cluster with a pod: one container that talks, one that reads, one that serves."""
    serve = "mkdir /w; echo hello > /w/index.html; exec httpd -f -p 8080 -h /w"
    containers = (
        shell("main", SLEEP),
        shell("talks", _TALKS),
        shell("reads", "while read line; do echo got $line; done; sleep 1000", stdin=True),
        shell("serves", serve),
    )
    cluster.apply(pod("ends", *containers, nodeSelector={"kubernetes.io/hostname": cluster.nodes()[-1]}))
    cluster.wait_ready("ends")
    yield cluster
    cluster.wait_gone("ends")


def descriptors(pids: list[int]) -> int:
    return sum(len(os.listdir(f"/proc/{pid}/fd")) for pid in pids)


@contextmanager
def nothing_left(cluster: RealCluster) -> Iterator[None]:
    """Look that the servers have no more descriptors afterwards than before."""
    pids = cluster.servers()
    cluster.exec("ends", "true", container="main")  # what is kept open from the first stream on is there already
    before = descriptors(pids)
    yield
    until(lambda: descriptors(pids) <= before + 2, f"the servers have about {before} descriptors again")


def processes(cluster: RealCluster) -> str:
    return cluster.exec("ends", "ps", "-o", "args", container="main")


@pytest.mark.parametrize("client", CLIENTS)
def test_killed_exec_clients_leave_no_process_and_no_descriptor(ends: RealCluster, client: str) -> None:
    with nothing_left(ends):
        started = [
            subprocess.Popen(
                [*tool(client), "exec", "-i", "ends", "-c", "main", "--", "cat"],
                env=ends.environment,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                text=True,
            )
            for _ in range(6)
        ]
        for process in started:
            assert process.stdin is not None
            process.stdin.write("hello\n")
            process.stdin.flush()
            assert line_of(process) == "hello\n"
        assert processes(ends).splitlines().count("cat") == 6
        for process in started:
            process.kill()
            process.communicate()
        until(lambda: "cat" not in processes(ends).splitlines(), "the commands' standard input has ended")


@pytest.mark.parametrize("client", CLIENTS)
@pytest.mark.parametrize("words", ["logs -f ends -c talks", "attach ends -c talks"])
def test_killed_readers_leave_no_descriptor(ends: RealCluster, client: str, words: str) -> None:
    with nothing_left(ends):
        for _ in range(4):
            with running(ends, client, *words.split()) as process:
                assert line_of(process).startswith("line ")


@pytest.mark.parametrize("client", CLIENTS)
def test_a_killed_port_forward_leaves_no_descriptor(ends: RealCluster, client: str) -> None:
    with nothing_left(ends):
        for _ in range(3):
            with running(ends, client, "port-forward", "ends", ":8080") as process:
                port = int(line_of(process).split()[2].rpartition(":")[2])
                with socket.create_connection(("127.0.0.1", port), timeout=PATIENCE_S) as connection:
                    connection.sendall(b"GET / HTTP/1.0\r\n\r\n")
                    assert connection.recv(5) == b"HTTP/"
                    process.kill()


@pytest.mark.parametrize("client", CLIENTS)
def test_port_forward_ends_by_control_c(ends: RealCluster, client: str) -> None:
    with running(ends, client, "port-forward", "ends", ":8080") as process:
        assert line_of(process).startswith("Forwarding from 127.0.0.1:")
        process.send_signal(signal.SIGINT)
        assert process.wait(PATIENCE_S) in (0, -signal.SIGINT, 130)


@pytest.mark.parametrize("client", CLIENTS)
def test_streams_end_when_their_pod_is_deleted(cluster: RealCluster, client: str) -> None:
    name = f"goes-{client.replace('.', '-')}"
    cluster.apply(pod(name, shell("main", f"{_TALKS}")))
    cluster.wait_ready(name)
    with (
        running(cluster, client, "logs", "-f", "--tail=1", name) as logs,
        running(cluster, client, "exec", "-i", name, "--", "cat") as command,
        running(cluster, client, "attach", name) as attached,
    ):
        assert line_of(logs).startswith("line ") and line_of(attached).startswith("line ")
        assert command.stdin is not None
        command.stdin.write("hello\n")
        command.stdin.flush()
        assert line_of(command) == "hello\n"
        cluster.kubectl("delete", "pod", name, "--grace-period=1", "--wait=false")
        assert command.wait(PATIENCE_S) != 0  # killed with its container
        assert logs.wait(PATIENCE_S) == 0
        attached.wait(PATIENCE_S)
    cluster.wait_gone(name)


@pytest.mark.parametrize("client", CLIENTS)
def test_followed_logs_end_with_the_container_and_begin_anew_with_the_next(cluster: RealCluster, client: str) -> None:
    name = f"again-{client.replace('.', '-')}"
    script = "echo begin; until [ -e /tmp/go ]; do sleep 0.05; done; echo end"
    cluster.apply(pod(name, shell("main", script)))
    cluster.wait_ready(name)
    with running(cluster, client, "logs", "-f", name) as first:
        assert line_of(first) == "begin\n"
        cluster.exec(name, "touch", "/tmp/go")
        assert first.communicate(timeout=PATIENCE_S)[0] == "end\n"
        assert first.returncode == 0
    until(
        lambda: (
            cluster.get("pod", name)["status"]["containerStatuses"][0]["restartCount"] == 1
            and "running" in cluster.get("pod", name)["status"]["containerStatuses"][0]["state"]
        ),
        "the container has been started again",
    )
    with running(cluster, client, "logs", "-f", name) as second:
        assert line_of(second) == "begin\n"
    assert cluster.kubectl("logs", "-p", name).out == "begin\nend\n"
    cluster.wait_gone(name)


def test_streams_end_when_the_server_goes(another: RealCluster, archives: dict[str, Path]) -> None:
    another.up()
    another.podbay("image", "import", str(archives["busybox"]), "--name", another.name)
    another.apply(pod("stays", shell("main", f"{_TALKS}")))
    another.wait_ready("stays")
    with (
        running(another, "1.27", "exec", "-i", "stays", "--", "cat") as spdy,
        running(another, "1.33", "exec", "-i", "stays", "--", "cat") as websocket,
        running(another, "podbay", "exec", "-i", "stays", "--", "cat") as ours,
        running(another, "podbay", "logs", "-f", "--tail=1", "stays") as logs,
    ):
        clients = (spdy, websocket, ours)
        for client in clients:
            assert client.stdin is not None
            client.stdin.write("hello\n")
            client.stdin.flush()
            assert line_of(client) == "hello\n"
        assert line_of(logs).startswith("line ")
        os.kill(another.servers()[0], signal.SIGTERM)
        for client in (*clients, logs):
            client.wait(PATIENCE_S)
            assert client.stderr is not None
            assert "Traceback" not in client.stderr.read()
        # An SPDY client takes a lost connection for the end of the command, as with upstream's server.
        assert [client.returncode != 0 for client in (websocket, ours)] == [True, True]
