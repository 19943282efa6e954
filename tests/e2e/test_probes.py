"""Probes and hooks in real containers, to the letter of upstream's conformance tests."""

import sys
from collections.abc import Iterator
from contextlib import ExitStack

import pytest

from podbay.wire.times import parse_time
from tests.e2e.harness import ROOT, SLEEP, Pod, RealCluster, pod, shell, throughout, until
from tests.e2e.watching import condition, status_of, watched

pytestmark = pytest.mark.e2e
SERVER = "mkdir -p /www; echo ok > /www/healthz; {}httpd -f -p 8080 -h /www"
WATCH_S = 12.0  # upstream looks on for a minute; at a period of one second this is twelve probes
GRPC = {"initialDelaySeconds": 4, "periodSeconds": 1, "timeoutSeconds": 5, "failureThreshold": 1}
HTTP = {"httpGet": {"path": "/healthz", "port": 8080}, "initialDelaySeconds": 2, "periodSeconds": 1}


def restarts(cluster: RealCluster, name: str, container: str = "main") -> int:
    return int(status_of(cluster.get("pod", name), container).get("restartCount", 0))


def messages(cluster: RealCluster, name: str) -> list[str]:
    return [
        event["message"] for event in cluster.get("events", f"--field-selector=involvedObject.name={name}")["items"]
    ]


def restarts_once(cluster: RealCluster, name: str) -> None:
    until(lambda: cluster.get("pod", name)["status"].get("phase") == "Running", "it runs")
    until(lambda: restarts(cluster, name) >= 1, "it is restarted", patience_s=60)
    wanted = ("Container main failed liveness probe, will be restarted", "Liveness probe failed: ")
    until(lambda: all(any(text in told for told in messages(cluster, name)) for text in wanted), "events tell why")
    cluster.wait_gone(name)


def probed(name: str, script: str, **probes: object) -> Pod:
    return pod(name, shell("main", script, **probes))


def healthy(name: str, probe: dict[str, object]) -> Pod:
    """Return a pod that serves the health protocol at port 5000, by the Python and the sources of this machine."""
    serve = f"cd {ROOT} && PYTHONPATH=src:. exec {sys.executable} -m tests.e2e.health_server 5000"
    container = {
        "name": "main",
        "command": ["/bin/busybox", "chroot", "/host", "/bin/sh", "-c", serve],
        "env": [{"name": "PYTHONDONTWRITEBYTECODE", "value": "1"}],
        "volumeMounts": [{"name": "host", "mountPath": "/host", "readOnly": True}],
        "livenessProbe": probe,
    }
    return pod(name, container, volumes=[{"name": "host", "hostPath": {"path": "/"}}])


@pytest.fixture(scope="module", autouse=True)
def looked_at(cluster: RealCluster) -> Iterator[tuple[ExitStack, list[Pod]]]:
    """Run what needs minutes to be looked at while the other tests of this module run.

    Give the versions of the pod whose restarts are counted, and what must be closed before they are there.
    """
    tcp = {"tcpSocket": {"port": 8080}, "initialDelaySeconds": 2, "periodSeconds": 1}
    command = {"exec": {"command": ["cat", "/tmp/health"]}, "initialDelaySeconds": 2, "periodSeconds": 1}
    dies = {"exec": {"command": ["/bin/false"]}, "initialDelaySeconds": 5, "periodSeconds": 1, "failureThreshold": 1}
    with ExitStack() as stack:
        stack.callback(cluster.wait_gone, "counts", "exec-lives", "http-lives", "tcp-lives", "grpc-lives")
        watching = stack.enter_context(ExitStack())
        versions = watching.enter_context(watched(cluster, "counts"))
        cluster.apply(
            probed("counts", SLEEP, livenessProbe=dies),
            probed("exec-lives", "echo ok > /tmp/health; " + SLEEP, livenessProbe=command),
            probed("http-lives", SERVER.format(""), livenessProbe=HTTP),
            probed("tcp-lives", SERVER.format(""), livenessProbe=tcp),
            healthy("grpc-lives", {**GRPC, "grpc": {"port": 5000}}),
        )
        yield watching, versions


def test_readiness_waits_for_its_delay_and_never_restarts(cluster: RealCluster) -> None:
    """[sig-node] Probing container with readiness probe should not be ready before initial delay and never restart
    [NodeConformance]

    Compared with test/e2e/common/node/container_probe.go
    Upstream's assertions, and where they are made here:
    - the pod becomes ready: ``wait_ready``
    - the container's start and the Ready condition's transition are at least the initial delay apart: the comparison
    - the restart count is 0: the assertion after it
    """
    probe = {"httpGet": {"path": "/healthz", "port": 8080}, "initialDelaySeconds": 6, "periodSeconds": 1}
    cluster.apply(probed("ready-delay", SERVER.format(""), readinessProbe=probe))
    (found,) = cluster.wait_ready("ready-delay")
    started = status_of(found, "main")["state"]["running"]["startedAt"]
    assert _seconds(condition(found, "Ready")["lastTransitionTime"]) - _seconds(started) >= 6
    assert restarts(cluster, "ready-delay") == 0
    cluster.wait_gone("ready-delay")


def test_readiness_that_fails_is_never_ready_and_never_restarts(cluster: RealCluster) -> None:
    """[sig-node] Probing container with readiness probe that fails should never be ready and never restart
    [NodeConformance]

    Compared with test/e2e/common/node/container_probe.go
    Upstream's assertions, and where they are made here:
    - while it is looked at, the pod is never ready: the loop
    - the restart count is 0: the assertion after it
    """
    probe = {"exec": {"command": ["/bin/false"]}, "initialDelaySeconds": 1, "periodSeconds": 1}
    cluster.apply(probed("never-ready", SLEEP, readinessProbe=probe))
    until(lambda: cluster.get("pod", "never-ready")["status"].get("phase") == "Running", "it runs")

    def look() -> None:
        assert condition(cluster.get("pod", "never-ready"), "Ready").get("status") != "True"

    throughout(WATCH_S, look)
    assert restarts(cluster, "never-ready") == 0
    cluster.wait_gone("never-ready")


def test_a_command_that_fails_restarts(cluster: RealCluster) -> None:
    """[sig-node] Probing container should be restarted with a exec "cat /tmp/health" liveness probe [NodeConformance]

    Compared with test/e2e/common/node/container_probe.go
    - the pod runs, and its restart count comes to 1 or more: ``restarts_once``
    """
    probe = {"exec": {"command": ["cat", "/tmp/health"]}, "initialDelaySeconds": 2, "periodSeconds": 1}
    script = "echo ok > /tmp/health; sleep 4; rm -f /tmp/health; " + SLEEP
    cluster.apply(probed("exec-dies", script, livenessProbe=probe | {"failureThreshold": 1}))
    restarts_once(cluster, "exec-dies")


def test_a_request_that_fails_restarts(cluster: RealCluster) -> None:
    """[sig-node] Probing container should be restarted with a /healthz http liveness probe [NodeConformance]

    Compared with test/e2e/common/node/container_probe.go
    - the pod runs, and its restart count comes to 1 or more: ``restarts_once``
    """
    script = SERVER.format("(sleep 5; rm /www/healthz) & ")
    cluster.apply(probed("http-dies", script, livenessProbe=HTTP | {"failureThreshold": 1}))
    restarts_once(cluster, "http-dies")


def test_a_grpc_probe_of_a_server_that_does_not_speak_it_restarts(cluster: RealCluster) -> None:
    probe = {"grpc": {"port": 9000}, "initialDelaySeconds": 1, "periodSeconds": 1, "failureThreshold": 1}
    cluster.apply(probed("grpc-dies", SLEEP, livenessProbe=probe))
    restarts_once(cluster, "grpc-dies")


def test_a_grpc_probe_of_the_wrong_port_restarts(cluster: RealCluster) -> None:
    """[sig-node] Probing container should be restarted with a GRPC liveness probe [NodeConformance]

    Compared with test/e2e/common/node/container_probe.go
    - the pod, whose server listens at another port, runs, and its restart count comes to 1 or more: ``restarts_once``
    """
    cluster.apply(healthy("grpc-elsewhere", {**GRPC, "grpc": {"port": 2333}}))
    restarts_once(cluster, "grpc-elsewhere")


def test_a_startup_probe_and_a_sidecar_hold_a_pod_back_in_order(cluster: RealCluster) -> None:
    volume = {"name": "v", "emptyDir": {}}
    mount = [{"name": "v", "mountPath": "/v"}]
    probe = {"exec": {"command": ["cat", "/v/started"]}, "periodSeconds": 1, "failureThreshold": 60}
    script = (
        "(sleep 3; touch /v/started) & trap 'echo side >> /v/ends; exit 0' TERM; while :; do sleep 1 & wait $!; done"
    )
    side = shell("side", script, image="busybox", imagePullPolicy="IfNotPresent", volumeMounts=mount)
    main = shell("main", "cat /v/started && sleep 3", volumeMounts=mount)
    side |= {"restartPolicy": "Always", "startupProbe": probe}
    cluster.apply(pod("sided", main, initContainers=[side], volumes=[volume], restartPolicy="Never"))
    shown = until(lambda: "Init:0/1" in cluster.podbay("get", "pod", "sided").out, "it waits for the sidecar")
    assert shown
    found = until(lambda: _ended(cluster, "sided"), "it ends")
    assert found["status"]["phase"] == "Succeeded"
    assert status_of(found, "main")["state"]["terminated"]["exitCode"] == 0
    assert "terminated" in status_of(found, "side")["state"]
    cluster.wait_gone("sided")


def test_hooks_run_after_the_start_and_before_the_end(cluster: RealCluster) -> None:
    """[sig-node] Container Lifecycle Hook when create a pod with lifecycle hook should execute poststart exec hook
    properly [NodeConformance]
    [sig-node] Container Lifecycle Hook when create a pod with lifecycle hook should execute prestop exec hook
    properly [NodeConformance]

    Compared with test/e2e/common/node/lifecycle_hook.go
    Upstream's assertions, and where they are made here (its hooks call a second pod, whose log tells; so do ours):
    - the pod with the hook runs: ``wait_ready``
    - after its start, the other pod has been called: the first ``until``
    - after its deletion, the other pod has been called: the second ``until``
    """
    handler = _handler(cluster)
    call = "wget -q -O - http://{}:8080/{} || true"
    hooks = {
        "postStart": {"exec": {"command": ["sh", "-c", call.format(handler, "exec-start")]}},
        "preStop": {"exec": {"command": ["sh", "-c", call.format(handler, "exec-stop")]}},
    }
    made = pod("hooked", shell("main", SLEEP, lifecycle=hooks), terminationGracePeriodSeconds=15)
    cluster.apply(made)
    cluster.wait_ready("hooked")
    until(lambda: "exec-start" in cluster.kubectl("logs", "handler").out, "the hook after the start has called")
    cluster.kubectl("delete", "pod", "hooked")
    until(lambda: "exec-stop" in cluster.kubectl("logs", "handler").out, "the hook before the end has called")
    cluster.wait_gone("handler")


def test_http_hooks_run_after_the_start_and_before_the_end(cluster: RealCluster) -> None:
    """[sig-node] Container Lifecycle Hook when create a pod with lifecycle hook should execute poststart http hook
    properly [NodeConformance]
    [sig-node] Container Lifecycle Hook when create a pod with lifecycle hook should execute prestop http hook
    properly [NodeConformance]

    Compared with test/e2e/common/node/lifecycle_hook.go
    Upstream's assertions, and where they are made here:
    - the pod with the hook runs: ``wait_ready``
    - after its start, the other pod has been called: the first ``until``
    - after its deletion, the other pod has been called: the second ``until``
    """
    handler = _handler(cluster)
    get = {"host": handler, "port": 8080}
    hooks = {
        "postStart": {"httpGet": {**get, "path": "/http-start"}},
        "preStop": {"httpGet": {**get, "path": "/http-stop"}},
    }
    cluster.apply(pod("http-hooked", shell("main", SLEEP, lifecycle=hooks), terminationGracePeriodSeconds=15))
    cluster.wait_ready("http-hooked")
    until(lambda: "http-start" in cluster.kubectl("logs", "handler").out, "the hook after the start has called")
    cluster.kubectl("delete", "pod", "http-hooked")
    until(lambda: "http-stop" in cluster.kubectl("logs", "handler").out, "the hook before the end has called")
    cluster.wait_gone("handler")


def test_a_pods_deadline_can_be_set_while_it_runs(cluster: RealCluster) -> None:
    """[sig-node] Pods should allow activeDeadlineSeconds to be updated [NodeConformance]

    Compared with test/e2e/common/node/pods.go
    Upstream's assertions, and where they are made here:
    - one pod has the label, and it runs: the first assertion and ``wait_ready``
    - after an update of activeDeadlineSeconds to 5, the pod ends with the reason DeadlineExceeded: ``until``
    """
    made = pod("deadline", shell("main", SLEEP))
    made["metadata"]["labels"] = {"time": "deadline"}
    cluster.apply(made)
    assert [found["metadata"]["name"] for found in cluster.get("pods", "-l", "time=deadline")["items"]] == ["deadline"]
    cluster.wait_ready("deadline")
    cluster.kubectl("patch", "pod", "deadline", "-p", '{"spec":{"activeDeadlineSeconds":5}}')
    found = until(lambda: _ended(cluster, "deadline"), "it is ended")
    assert (found["status"]["phase"], found["status"]["reason"]) == ("Failed", "DeadlineExceeded")
    cluster.wait_gone("deadline")


@pytest.mark.parametrize(
    ("script", "phase", "message"),
    [
        ("echo -n DONE; exit 1", "Failed", "DONE"),
        ("echo -n DONE; exit 0", "Succeeded", None),
        ("echo -n OK > /dev/termination-log; exit 0", "Succeeded", "OK"),
    ],
)
def test_last_words_come_from_the_log_only_of_who_failed(
    cluster: RealCluster, script: str, phase: str, message: str | None
) -> None:
    """[sig-node] Container Runtime blackbox test on terminated container should report termination message from log
    output if TerminationMessagePolicy FallbackToLogsOnError is set [NodeConformance]
    [sig-node] Container Runtime blackbox test on terminated container should report termination message as empty when
    pod succeeds and TerminationMessagePolicy FallbackToLogsOnError is set [NodeConformance]
    [sig-node] Container Runtime blackbox test on terminated container should report termination message from file when
    pod succeeds and TerminationMessagePolicy FallbackToLogsOnError is set [NodeConformance]

    Compared with test/e2e/common/node/runtime.go
    Upstream's assertions, and where they are made here:
    - the container terminates, in the expected phase: the assertion on the phase
    - its message is what is expected: the last assertion
    """
    container = shell("main", script, terminationMessagePolicy="FallbackToLogsOnError")
    cluster.apply(pod("words", container, restartPolicy="Never"))
    found = until(lambda: _ended(cluster, "words"), "it ends")
    assert found["status"]["phase"] == phase
    assert status_of(found, "main")["state"]["terminated"].get("message") == message
    cluster.wait_gone("words")


def test_restart_counts_only_grow_and_who_is_well_is_not_restarted(
    cluster: RealCluster, looked_at: tuple[ExitStack, list[Pod]]
) -> None:
    """[sig-node] Probing container should have monotonically increasing restart count [NodeConformance]
    [sig-node] Probing container should *not* be restarted with a exec "cat /tmp/health" liveness probe
    [NodeConformance]
    [sig-node] Probing container should *not* be restarted with a /healthz http liveness probe [NodeConformance]
    [sig-node] Probing container should *not* be restarted with a tcp:8080 liveness probe [NodeConformance]
    [sig-node] Probing container should *not* be restarted with a GRPC liveness probe [NodeConformance]

    Compared with test/e2e/common/node/container_probe.go
    The pods run since the module's beginning, that is for minutes. Upstream's assertions, and where they are made here:
    - the pod that dies is restarted five times: ``until`` (the back-off makes this three minutes)
    - its restart count never falls: the comparison of the versions that a watch saw
    - the pods that are well run, and are not restarted as long as they are looked at (upstream: four minutes): the loop
    """
    until(lambda: restarts(cluster, "counts") >= 5, "five restarts", patience_s=300)
    watching, versions = looked_at
    watching.close()
    counts = [int(status_of(version, "main").get("restartCount", 0)) for version in versions]
    assert counts == sorted(counts)
    assert set(counts) >= {0, 1, 2, 3, 4}  # the fifth may still have been on its way to the watch
    for name in ("exec-lives", "http-lives", "tcp-lives", "grpc-lives"):
        assert cluster.get("pod", name)["status"]["phase"] == "Running"
        assert restarts(cluster, name) == 0


def _handler(cluster: RealCluster) -> str:
    """Run a pod that logs every request that it gets; return its address."""
    script = "mkdir -p /www; httpd -f -vv -p 8080 -h /www"
    cluster.apply(pod("handler", shell("main", script)))
    (found,) = cluster.wait_ready("handler")
    return str(found["status"]["podIP"])


def _ended(cluster: RealCluster, name: str) -> Pod | None:
    found: Pod = cluster.get("pod", name)
    return found if found["status"].get("phase") in ("Succeeded", "Failed") else None


def _seconds(moment: str) -> float:
    return parse_time(moment).timestamp()
