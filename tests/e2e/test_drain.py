"""A node that kubectl empties: pods go as their disruption budget lets them, and the rest wait."""

import json
from subprocess import PIPE, Popen

from tests.e2e.harness import NEWEST, SLEEP, Pod, RealCluster, kubectl_path, pod, shell, until

BUDGET = {
    "apiVersion": "policy/v1",
    "kind": "PodDisruptionBudget",
    "metadata": {"name": "drained"},
    "spec": {"minAvailable": 1, "selector": {"matchLabels": {"app": "drained"}}},
}
EVICTION = {"apiVersion": "policy/v1", "kind": "Eviction", "metadata": {"name": "goes", "namespace": "default"}}
REFUSED = "Cannot evict pod as it would violate the pod's disruption budget."


def drained(name: str, node: str) -> Pod:
    made = pod(name, shell("main", SLEEP), nodeName=node)
    made["metadata"]["labels"] = {"app": "drained"}
    return made


def test_a_drain_waits_until_a_budget_lets_the_pod_go(cluster: RealCluster) -> None:
    first, second = cluster.nodes()
    cluster.apply(BUDGET, drained("goes", first))
    cluster.wait_ready("goes")
    counts = ["get", "pdb", "drained", "-o", "jsonpath={.status.currentHealthy} {.status.disruptionsAllowed}"]
    until(lambda: cluster.kubectl(*counts).out == "1 0", "the budget has seen the pod")
    path = "/api/v1/namespaces/default/pods/goes/eviction"
    refused = cluster.kubectl("create", "--raw", path, "-f", "-", stdin=json.dumps(EVICTION), check=False)
    assert (refused.code, refused.err) == (1, f"Error from server (TooManyRequests): {REFUSED}\n")
    # Only the test's own pods: others use the cluster, too.
    command = [kubectl_path(NEWEST), "drain", first, "--force", "--pod-selector=app=drained", "--timeout=60s"]
    try:
        with Popen(command, env=cluster.environment, stdout=PIPE, stderr=PIPE, text=True) as drain:
            try:
                assert drain.stderr is not None and drain.stdout is not None
                said = [drain.stderr.readline(), drain.stderr.readline()]
                assert said == [
                    "Warning: deleting Pods that declare no controller: default/goes\n",
                    f'error when evicting pods/"goes" -n "default" (will retry after 5s): {REFUSED}\n',
                ]
                assert cluster.get("node", first)["spec"]["unschedulable"]
                assert "deletionTimestamp" not in cluster.get("pod", "goes")["metadata"]
                cluster.apply(drained("stays", second))
                cluster.wait_ready("stays")
                assert drain.stdout.read().endswith(f"pod/goes evicted\nnode/{first} drained\n")
                assert drain.wait() == 0
            finally:
                drain.kill()
        assert cluster.kubectl("get", "pods", "-l", "app=drained", "-o", "name").out == "pod/stays\n"
    finally:
        cluster.kubectl("uncordon", first)
        cluster.wait_gone("goes", "stays")
        cluster.kubectl("delete", "pdb", "drained")
