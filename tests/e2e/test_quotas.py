"""Quotas and limit ranges by the real kubectl: made, described, and in the way of pods."""

from typing import Any

from tests.e2e.harness import SLEEP, RealCluster, pod, shell, until

SPACE = "quotas"
LIMITS = {
    "apiVersion": "v1",
    "kind": "LimitRange",
    "metadata": {"name": "sizes", "namespace": SPACE},
    "spec": {
        "limits": [
            {"type": "Container", "default": {"cpu": "200m", "memory": "64Mi"}, "max": {"cpu": "1", "memory": "1Gi"}},
            {"type": "Pod", "max": {"cpu": "2"}},
        ]
    },
}


def sleeper(name: str, **resources: Any) -> dict[str, Any]:
    made = pod(name, {**shell("main", SLEEP), **({"resources": resources} if resources else {})})
    made["metadata"]["namespace"] = SPACE
    return made


def test_kubectl_makes_and_describes_quotas_and_limits_that_hold(cluster: RealCluster) -> None:
    cluster.kubectl("create", "namespace", SPACE)
    try:
        hard = "--hard=pods=2,requests.cpu=300m,limits.memory=1Gi,count/configmaps=5"
        made = cluster.kubectl("create", "quota", "team", hard, "-n", SPACE).out
        assert made == "resourcequota/team created\n"
        counted = ["get", "quota", "team", "-n", SPACE, "-o", "jsonpath={.status.used}"]
        until(lambda: cluster.kubectl(*counted).out, "the quota is counted")
        cluster.apply(LIMITS)
        cluster.apply(sleeper("first"))
        cluster.wait_ready("first", namespace=SPACE)
        told = cluster.kubectl("describe", "quota", "team", "-n", SPACE).out.splitlines()
        assert [line.split() for line in told] == [
            ["Name:", "team"],
            ["Namespace:", SPACE],
            ["Resource", "Used", "Hard"],
            ["--------", "----", "----"],
            ["count/configmaps", "1", "5"],
            ["limits.memory", "64Mi", "1Gi"],
            ["pods", "1", "2"],
            ["requests.cpu", "200m", "300m"],
        ]
        described = cluster.kubectl("describe", "limits", "sizes", "-n", SPACE).out.splitlines()
        assert sorted(line.split() for line in described[4:]) == [
            ["Container", "cpu", "-", "1", "200m", "200m", "-"],
            ["Container", "memory", "-", "1Gi", "64Mi", "64Mi", "-"],
            ["Pod", "cpu", "-", "2", "-", "-", "-"],
        ]
        space = cluster.kubectl("describe", "namespace", SPACE).out
        assert "Resource Quotas" in space and "Resource Limits" in space
        row = cluster.kubectl("get", "quota", "-n", SPACE, "--no-headers").out.split("   ")
        assert row[0] == "team"
        too_much = cluster.kubectl("run", "second", "--image=busybox", "-n", SPACE, check=False)
        assert too_much.code == 1
        assert too_much.err == (
            'Error from server (Forbidden): pods "second" is forbidden: exceeded quota: team, requested:'
            " requests.cpu=200m, used: requests.cpu=200m, limited: requests.cpu=300m\n"
        )
        cluster.kubectl("delete", "pod", "first", "-n", SPACE, "--grace-period=1")
        until(lambda: '"pods":"0"' in cluster.kubectl(*counted).out, "the pod is given back")
        assert cluster.kubectl("run", "second", "--image=busybox", "-n", SPACE).out == "pod/second created\n"
    finally:
        cluster.kubectl("delete", "namespace", SPACE)
