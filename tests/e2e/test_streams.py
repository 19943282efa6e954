"""Logs, exec, attach and port-forward, from every kubectl that people have and from the Python client."""

import concurrent.futures
import fcntl
import os
import pty
import re
import select
import signal
import socket
import struct
import subprocess
import sys
import termios
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.e2e.harness import PATIENCE_S, SLEEP, VERSIONS, RealCluster, fetch, kubectl_path, pod, shell, until

_GIGABYTE = 1024 * 1024 * 1024
_WEB = "mkdir /w; truncate -s 1G /w/big; echo hello > /w/index.html; exec httpd -f -p 8080 -h /w"
# Its standard input stays open: an end of it would be told to the sender, and the runtime ends a connection a second
# after either direction has ended.
_TAKE = "mkfifo /open; sleep 100000 > /open & while :; do nc -l -p 9000 < /open | wc -c; done"
_STEADY_KB = 48 * 1024

_PYTHON_CLIENT = """
import sys
import kubernetes
from kubernetes.stream import portforward, stream

kubernetes.config.load_kube_config(sys.argv[1])
core = kubernetes.client.CoreV1Api()
command = ["sh", "-c", "read line; echo out $line; echo err >&2; exit 9"]
session = stream(core.connect_get_namespaced_pod_exec, "streams-0", "default", command=command, container="main",
                 stdin=True, stdout=True, stderr=True, tty=False, _preload_content=False)
session.write_stdin("hello\\n")
session.run_forever(timeout=30)
print(session.read_stdout() + session.read_stderr() + str(session.returncode))
attached = stream(core.connect_get_namespaced_pod_attach, "streams-1", "default", container="reader",
                  stdin=True, stdout=True, stderr=True, tty=False, _preload_content=False)
attached.write_stdin("from python\\n")
print(attached.readline_stdout(timeout=30))
attached.close()
forwarded = portforward(core.connect_get_namespaced_pod_portforward, "streams-1", "default", ports="8080")
connection = forwarded.socket(8080)
connection.setblocking(True)
connection.sendall(b"GET / HTTP/1.0\\r\\n\\r\\n")
answer = b""
while part := connection.recv(1000):
    answer += part
print(answer.decode().splitlines()[-1])
print(forwarded.error(8080))
"""


@pytest.fixture(scope="module")
def streams(cluster: RealCluster) -> Iterator[RealCluster]:
    """The cluster with one pod on each node: a shell, a web server, a reader of stdin, and one that counts bytes."""
    names = []
    for number, node in enumerate(cluster.nodes()):
        names.append(f"streams-{number}")
        cluster.apply(
            pod(
                names[-1],
                shell("main", SLEEP),
                shell("web", _WEB),
                shell("reader", "while read line; do echo got $line; done; sleep 1000", stdin=True),
                shell("taker", _TAKE),
                nodeSelector={"kubernetes.io/hostname": node},
            )
        )
    cluster.wait_ready(*names)
    yield cluster
    cluster.wait_gone(*names)


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize("name", ["streams-0", "streams-1"])
def test_exec_keeps_output_errors_and_exit_code_apart(streams: RealCluster, version: str, name: str) -> None:
    done = streams.kubectl(
        "exec", name, "-c", "main", "--", "sh", "-c", "echo out; echo err >&2; exit 7", check=False, version=version
    )
    assert (done.code, done.out) == (7, "out\n")
    assert done.err == "err\ncommand terminated with exit code 7\n"


@pytest.mark.parametrize("version", VERSIONS)
def test_exec_carries_megabytes_and_the_end_of_stdin(streams: RealCluster, version: str) -> None:
    text = "0123456789abcde\n" * 300_000
    done = streams.kubectl("exec", "-i", "streams-1", "-c", "main", "--", "cat", stdin=text, version=version)
    assert len(done.out) == len(text) and done.out == text


@pytest.mark.parametrize("version", ["1.27", "1.33"])
def test_exec_of_what_cannot_run_says_why(streams: RealCluster, version: str) -> None:
    done = streams.kubectl("exec", "streams-0", "-c", "main", "--", "no-such", check=False, version=version)
    assert done.code != 0 and "executable file not found" in done.err
    done = streams.kubectl("exec", "streams-0", "-c", "none", "--", "true", check=False, version=version)
    assert (done.code, done.err) == (
        1,
        "Error from server (BadRequest): container none is not valid for pod streams-0\n",
    )


def test_many_execs_at_once_keep_to_themselves(streams: RealCluster) -> None:
    def one(number: int) -> str:
        return streams.kubectl(
            "exec", f"streams-{number % 2}", "-c", "main", "-i", "--", "cat", stdin=f"{number}\n" * 1000
        ).out

    with concurrent.futures.ThreadPoolExecutor(8) as pool:
        for number, out in enumerate(pool.map(one, range(24))):
            assert out == f"{number}\n" * 1000


@pytest.mark.parametrize("version", ["1.27", "1.29", "1.30", "1.33"])
def test_a_terminals_size_reaches_the_container_and_follows_it(streams: RealCluster, version: str) -> None:
    script = (
        'echo begin; until [ "$(stty size)" = "40 100" ]; do sleep 0.05; done; echo first;'
        ' until [ "$(stty size)" = "50 120" ]; do sleep 0.05; done; echo second; exit 5'
    )
    ours, theirs = pty.openpty()
    _resize(ours, 40, 100)
    command = [kubectl_path(version), "exec", "-it", "streams-0", "-c", "main", "--", "sh", "-c", script]
    with subprocess.Popen(command, env=streams.environment, stdin=theirs, stdout=theirs, stderr=theirs) as process:
        os.close(theirs)
        try:
            _read_until(ours, b"first")
            _resize(ours, 50, 120)
            process.send_signal(signal.SIGWINCH)
            _read_until(ours, b"second")
            assert process.wait(PATIENCE_S) == 5
        finally:
            process.kill()
            os.close(ours)


@pytest.mark.parametrize("version", VERSIONS)
def test_attach_reaches_the_process_that_runs(streams: RealCluster, version: str) -> None:
    command = [kubectl_path(version), "attach", "-i", "streams-1", "-c", "reader"]
    with subprocess.Popen(
        command, env=streams.environment, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdin is not None and process.stdout is not None
        try:
            for word in ("one", "two"):
                process.stdin.write(f"{version} {word}\n")
                process.stdin.flush()
                assert process.stdout.readline() == f"got {version} {word}\n"
        finally:
            process.kill()


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize("name", ["streams-0", "streams-1"])
def test_a_port_is_forwarded_for_many_at_once(streams: RealCluster, version: str, name: str) -> None:
    with (
        streams.port_forward(name, 8080, version=version) as (url, _),
        concurrent.futures.ThreadPoolExecutor(8) as pool,
    ):
        assert set(pool.map(fetch, [url] * 32)) == {"hello\n"}


def test_a_port_that_nobody_listens_on_breaks_only_its_connection(streams: RealCluster) -> None:
    with streams.port_forward("streams-0", 8081) as (url, process):
        with pytest.raises(OSError):
            fetch(url)
        assert process.poll() is None or process.returncode == 1  # kubectl from 1.31 on gives up with an error


@pytest.mark.parametrize("version", ["1.27", "1.33"])
@pytest.mark.parametrize("name", ["streams-0", "streams-1"])
def test_gigabytes_flow_through_a_port_forward_at_steady_memory(streams: RealCluster, version: str, name: str) -> None:
    pids = streams.servers()
    with streams.port_forward(name, 8080, version=version) as (url, _):
        assert fetch(url) == "hello\n"
        before = _memory_kb(pids)
        most, taken = 0, 0
        with urllib.request.urlopen(f"{url}/big", timeout=PATIENCE_S) as answer:
            while part := answer.read(1024 * 1024):
                taken += len(part)
                if taken % (64 * 1024 * 1024) < len(part):
                    most = max(most, _memory_kb(pids))
    assert taken == _GIGABYTE
    assert most - before < _STEADY_KB


@pytest.mark.parametrize("version", ["1.27", "1.33"])
def test_a_reader_that_stops_is_waited_for_at_steady_memory(streams: RealCluster, version: str) -> None:
    pids = streams.servers()
    with (
        streams.port_forward("streams-0", 8080, version=version) as (url, _),
        streams.port_forward("streams-0", 8080, version=version) as (other, _),
    ):
        host, port = url.removeprefix("http://").split(":")
        before = _memory_kb(pids)
        with socket.create_connection((host, int(port)), timeout=PATIENCE_S) as reader:
            reader.sendall(b"GET /big HTTP/1.0\r\n\r\n")
            reader.recv(1000)
            # Others go on; in the same kubectl they would not, as its SPDY has no flow control.
            assert fetch(other) == "hello\n"
            assert _memory_kb(pids) - before < _STEADY_KB


@pytest.mark.parametrize("version", ["1.27", "1.33"])
def test_what_is_sent_into_a_port_arrives_whole_and_its_end_too(streams: RealCluster, version: str) -> None:
    size = 200 * 1024 * 1024 + int(version.removeprefix("1."))
    pids = streams.servers()
    with streams.port_forward("streams-1", 9000, version=version) as (url, _):
        host, port = url.removeprefix("http://").split(":")
        before, most = _memory_kb(pids), 0
        with socket.create_connection((host, int(port)), timeout=PATIENCE_S) as sender:
            block, left = b"x" * (1024 * 1024), size
            while left:
                left -= sender.send(block[:left])
                if left % (16 * 1024 * 1024) < len(block):
                    most = max(most, _memory_kb(pids))
            sender.shutdown(socket.SHUT_WR)
            until(
                lambda: str(size) in streams.kubectl("logs", "streams-1", "-c", "taker").out.split(),
                f"{size} bytes arrive",
            )
    assert most - before < _STEADY_KB


def test_the_python_client_execs_attaches_and_forwards(streams: RealCluster) -> None:
    # In a process of its own, because that client leaves sockets for the garbage collector.
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", _PYTHON_CLIENT, streams.environment["KUBECONFIG"]],
        capture_output=True,
        text=True,
        check=False,
        timeout=PATIENCE_S,
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout == "out hello\nerr\n9\ngot from python\nhello\nNone\n"


def test_logs_are_followed_cut_and_dated(cluster: RealCluster) -> None:
    lines = "for i in 1 2 3 4 5; do echo line $i; done; until [ -e /tmp/go ]; do sleep 0.05; done; echo last"
    cluster.apply(pod("talks", shell("main", lines), restartPolicy="Never"))
    cluster.wait_ready("talks")
    until(lambda: "line 5" in cluster.kubectl("logs", "talks").out, "it has talked")

    def logs(*options: str) -> list[str]:
        return cluster.kubectl("logs", "talks", *options).out.splitlines()

    every = [f"line {number}" for number in range(1, 6)]
    assert logs() == every
    assert logs("--tail=2") == every[-2:]
    assert logs("--limit-bytes=9") == ["line 1", "li"]
    assert logs("--since=1h") == every and logs("--since-time=2099-01-01T00:00:00Z") == []
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{9}\S+ line 5", logs("--timestamps", "--tail=1")[0])
    with _following(cluster, "1.27") as first, _following(cluster, "1.33") as second:
        followers = [process.stdout for process in (first, second) if process.stdout is not None]
        assert [follower.readline() for follower in followers] == ["line 5\n"] * 2
        cluster.exec("talks", "touch", "/tmp/go")
        assert [follower.read() for follower in followers] == ["last\n"] * 2
    cluster.wait_gone("talks")


def test_the_log_of_the_run_before_is_kept(cluster: RealCluster, tmp_path: Path) -> None:
    count = "echo run >> /d/runs; echo run $(wc -l < /d/runs); [ $(wc -l < /d/runs) -gt 1 ] && sleep 1000; exit 1"
    mounted = shell("main", count, volumeMounts=[{"name": "d", "mountPath": "/d"}])
    cluster.apply(pod("again", mounted, volumes=[{"name": "d", "emptyDir": {}}]))
    refused = cluster.kubectl("logs", "again", "-p", "-c", "none", check=False)
    assert refused.err == "error: container none is not valid for pod again\n"
    until(
        lambda: cluster.kubectl("logs", "again", "-p", check=False).out == "run 1\n",
        "the first run is the previous one",
    )
    until(lambda: cluster.kubectl("logs", "again", check=False).out == "run 2\n", "it runs again")
    assert cluster.kubectl("logs", "again", "-p").out == "run 1\n"
    cluster.wait_gone("again")


def _following(cluster: RealCluster, version: str) -> "subprocess.Popen[str]":
    command = [kubectl_path(version), "logs", "-f", "--tail=1", "talks"]
    return subprocess.Popen(command, env=cluster.environment, stdout=subprocess.PIPE, text=True)


def _memory_kb(pids: list[int]) -> int:
    """Return what processes have in memory, shared pages by their share."""
    total = 0
    for pid in pids:
        for line in Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines():
            if line.startswith("Pss:"):
                total += int(line.split()[1])
    return total


def _resize(terminal: int, rows: int, columns: int) -> None:
    fcntl.ioctl(terminal, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))


def _read_until(terminal: int, wanted: bytes) -> None:
    found = b""
    while wanted not in found:
        readable, _, _ = select.select([terminal], [], [], PATIENCE_S)
        assert readable, found
        found += os.read(terminal, 4096)
