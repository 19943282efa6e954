"""What a container runs, how it ends, and what is said of it then."""

import pytest

from tests.e2e.harness import SLEEP, Pod, RealCluster, pod, shell, until
from tests.e2e.watching import condition, status_of

pytestmark = pytest.mark.e2e


def over(cluster: RealCluster, name: str) -> Pod | None:
    found: Pod = cluster.get("pod", name)
    return found if found["status"].get("phase") in ("Succeeded", "Failed") else None


def test_an_images_own_command_runs_if_the_pod_names_none(cluster: RealCluster, tester: str) -> None:
    """[sig-node] Containers should use the image defaults if command and args are blank [NodeConformance]

    Compared with test/e2e/common/node/containers.go
    Upstream's assertions, and where they are made here:
    - the pod runs: ``wait_ready``
    - its log has what the image's own entry point says with the image's own arguments: the ``until``
    """
    cluster.apply(pod("blank", {"name": "main", "image": tester}))
    cluster.wait_ready("blank")
    until(lambda: "[/tester pause]\nPaused" in cluster.kubectl("logs", "blank").out, "the image's command speaks")
    cluster.wait_gone("blank")


@pytest.mark.parametrize(
    ("command", "arguments", "said"),
    [
        (None, ["override", "arguments"], "[/tester override arguments]\n"),
        (["/tester-2"], None, "[/tester-2 ]\n"),
        (["/tester-2"], ["override", "arguments"], "[/tester-2 override arguments]\n"),
    ],
)
def test_a_pods_command_and_arguments_take_the_place_of_the_images(
    cluster: RealCluster, tester: str, command: list[str] | None, arguments: list[str] | None, said: str
) -> None:
    """[sig-node] Containers should be able to override the image's default arguments (container cmd) [NodeConformance]
    [sig-node] Containers should be able to override the image's default command (container entrypoint)
    [NodeConformance]
    [sig-node] Containers should be able to override the image's default command and arguments [NodeConformance]

    Compared with test/e2e/common/node/containers.go
    Upstream's assertions, and where they are made here:
    - the pod succeeds: the phase
    - its log is what the given command says of the given arguments; where only the command is given, the image's
      arguments are gone: the last assertion
    """
    given = {"command": command, "args": arguments}
    container = {"name": "main", "image": tester, **{key: value for key, value in given.items() if value is not None}}
    cluster.apply(pod("overriding", container, restartPolicy="Never"))
    found = until(lambda: over(cluster, "overriding"), "it ends")
    assert found["status"]["phase"] == "Succeeded"
    assert cluster.kubectl("logs", "overriding").out == said
    cluster.wait_gone("overriding")


def test_output_is_in_the_log(cluster: RealCluster) -> None:
    """[sig-node] Kubelet when scheduling a busybox command in a pod should print the output to logs [NodeConformance]

    Compared with test/e2e/common/node/kubelet.go
    - the pod runs, and its log since an hour ago is exactly what it wrote: ``wait_ready`` and the ``until``
    """
    cluster.apply(pod("speaks", shell("main", "echo 'Hello World' ; sleep 240"), restartPolicy="Never"))
    cluster.wait_ready("speaks")
    until(lambda: cluster.kubectl("logs", "speaks", "--since=1h").out == "Hello World\n", "its words are in the log")
    cluster.wait_gone("speaks")


def test_a_command_that_fails_has_a_reason_and_can_be_deleted(cluster: RealCluster) -> None:
    """[sig-node] Kubelet when scheduling a busybox command that always fails in a pod should have an terminated reason
    [NodeConformance]
    [sig-node] Kubelet when scheduling a busybox command that always fails in a pod should be possible to delete
    [NodeConformance]

    Compared with test/e2e/common/node/kubelet.go
    Upstream's assertions, and where they are made here:
    - the pod has one container status, which is terminated, with an exit code that is not 0 and a reason that is not
      empty: the assertions
    - the deletion succeeds: ``wait_gone`` (besides, the pod is gone then)
    """
    cluster.apply(pod("bin-false", {"name": "main", "command": ["/bin/false"]}, restartPolicy="Never"))
    found = until(lambda: over(cluster, "bin-false"), "it ends")
    (status,) = found["status"]["containerStatuses"]
    terminated = status["state"]["terminated"]
    assert (terminated["exitCode"], terminated["reason"]) == (1, "Error")
    cluster.wait_gone("bin-false")


COUNTED = """
count=$(echo hello >> /restart-count/file; wc -l < /restart-count/file)
[ $count -eq 1 ] && exit 1
[ $count -eq 2 ] && exit 0
while true; do sleep 1; done
"""


@pytest.mark.parametrize(
    ("policy", "restarts", "phase", "state", "ready"),
    [
        ("Always", 2, "Running", "running", "True"),
        ("OnFailure", 1, "Succeeded", "terminated", "False"),
        ("Never", 0, "Failed", "terminated", "False"),
    ],
)
def test_a_container_that_exits_is_restarted_as_the_policy_says(
    cluster: RealCluster, policy: str, restarts: int, phase: str, state: str, ready: str
) -> None:
    """[sig-node] Container Runtime blackbox test when starting a container that exits should run with the expected
    status [NodeConformance]

    Compared with test/e2e/common/node/runtime.go
    A container fails in its first run, succeeds in its second and goes on in its third, counting in a volume in memory.
    Upstream's assertions, and where they are made here, for each restart policy:
    - the restart count, then the phase become what the policy says: the ``until``
    - the Ready condition and the container's state are then what the policy says: the assertions
    - the pod can be deleted, and is gone then: ``wait_gone``
    """
    name = f"terminate-cmd-{policy.lower()}"
    volumes = [{"name": "restart-count", "emptyDir": {"medium": "Memory"}}]
    container = shell("main", COUNTED, volumeMounts=[{"name": "restart-count", "mountPath": "/restart-count"}])
    cluster.apply(pod(name, container, restartPolicy=policy, volumes=volumes))

    def as_told() -> Pod | None:
        found: Pod = cluster.get("pod", name)
        counted = status_of(found, "main").get("restartCount") == restarts
        return found if counted and found["status"]["phase"] == phase else None

    found = until(as_told, f"{restarts} restarts, {phase}", patience_s=90)
    if ready == "True":
        found = until(lambda: _ready(cluster, name), "it is ready")
    assert condition(found, "Ready")["status"] == ready
    assert list(status_of(found, "main")["state"]) == [state]
    cluster.wait_gone(name)
    assert "NotFound" in cluster.kubectl("get", "pod", name, check=False).err


def _ready(cluster: RealCluster, name: str) -> Pod | None:
    found: Pod = cluster.get("pod", name)
    return found if condition(found, "Ready").get("status") == "True" else None


def test_last_words_are_read_from_another_path_of_another_user(cluster: RealCluster) -> None:
    """[sig-node] Container Runtime blackbox test on terminated container should report termination message if
    TerminationMessagePath is set as non-root user and at a non-default path [NodeConformance]

    Compared with test/e2e/common/node/runtime.go
    Upstream's assertions, and where they are made here:
    - the pod succeeds: the phase
    - its container is terminated, and its message is what it wrote: the last assertion
    - the pod can be deleted: ``wait_gone``
    """
    path = "/dev/termination-custom-log"
    container = shell(
        "main", f"echo -n DONE > {path}", terminationMessagePath=path, securityContext={"runAsUser": 10000}
    )
    cluster.apply(pod("custom-words", container, restartPolicy="Never"))
    found = until(lambda: over(cluster, "custom-words"), "it ends")
    assert found["status"]["phase"] == "Succeeded"
    assert status_of(found, "main")["state"]["terminated"]["message"] == "DONE"
    cluster.wait_gone("custom-words")


def test_the_hook_before_the_end_is_called_when_a_pod_is_killed(cluster: RealCluster) -> None:
    """[sig-node] PreStop should call prestop when killing a pod

    Compared with test/e2e/node/pre_stop.go
    Upstream's assertions, and where they are made here:
    - a server pod and a tester pod whose hook posts to the server run: ``wait_ready``
    - the tester's deletion succeeds: ``wait_gone``
    - the server has received the hook's post: the ``until`` (upstream asks the server, here its log tells)
    """
    cluster.apply(pod("server", shell("main", "mkdir -p /www; httpd -f -vv -p 8080 -h /www")))
    (server,) = cluster.wait_ready("server")
    url = f"http://{server['status']['podIP']}:8080/write"
    hook = {"exec": {"command": ["wget", "-O-", '--post-data={"Source": "prestop"}', url]}}
    tester = pod("tester", shell("main", SLEEP, lifecycle={"preStop": hook}), terminationGracePeriodSeconds=30)
    cluster.apply(tester)
    cluster.wait_ready("tester")
    assert "/write" not in cluster.kubectl("logs", "server").out
    cluster.kubectl("delete", "pod", "tester")
    until(lambda: "url:/write" in cluster.kubectl("logs", "server").out, "the server was told")
    cluster.wait_gone("server")
