"""The audit log of a real cluster, as real kubectls fill it, and what Pod Security's audit mode adds to it."""

import json
from pathlib import Path
from typing import Any

from tests.e2e.harness import SLEEP, RealCluster, pod, shell, until

HEAD = "apiVersion: audit.k8s.io/v1\nkind: Policy\n"
POLICY = f"""{HEAD}
omitStages: [RequestReceived]
rules:
- level: Metadata
  resources: [{{resources: [secrets, serviceaccounts/token]}}]
- level: RequestResponse
  namespaces: [shop]
  verbs: [create, get]
  resources: [{{resources: [pods, pods/*]}}]
- level: Metadata
  userGroups: [people]
"""
LATER = f"{HEAD}rules: [{{level: Metadata, nonResourceURLs: [/version]}}]\n"


def events(log: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in log.read_text().splitlines()]


def about(log: Path, verb: str, resource: str) -> list[dict[str, Any]]:
    """Return what kubectl did, by verb and resource."""

    def found() -> list[dict[str, Any]]:
        return [
            event
            for event in events(log)
            if (event["verb"], resource)
            == (verb, "/".join(filter(None, (event["objectRef"]["resource"], event["objectRef"].get("subresource")))))
            and event["userAgent"].startswith("kubectl")
        ]

    all_found: list[dict[str, Any]] = until(found, f"{verb} {resource} is in the log")
    return all_found


def test_the_log_tells_what_kubectl_did_and_another_policy_is_taken_while_pods_run(
    another: RealCluster, archives: dict[str, Path], tmp_path: Path
) -> None:
    policy, log = tmp_path / "policy.yaml", tmp_path / "logs" / "audit.log"
    policy.write_text(POLICY)
    another.up("--audit-policy-file", str(policy), "--audit-log-path", str(log))
    another.podbay("image", "import", str(archives["busybox"]), "--name", another.name)
    labels = {"pod-security.kubernetes.io/audit": "baseline"}
    another.apply({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "shop", "labels": labels}})
    another.kubectl("create", "secret", "generic", "s", "-n", "shop", "--from-literal=key=precious")
    web = pod("web", shell("main", SLEEP), hostNetwork=True)
    web["metadata"]["namespace"] = "shop"
    another.apply(web)
    another.wait_ready("web", namespace="shop")
    another.kubectl("exec", "-n", "shop", "web", "--", "true")
    another.kubectl("get", "pods", "-n", "shop", "--as=ann", "--as-group=people", check=False)

    (secret,) = about(log, "create", "secrets")
    assert (secret["objectRef"]["name"], secret["level"]) == ("s", "Metadata")
    assert "precious" not in log.read_text()
    (made,) = about(log, "create", "pods")
    assert made["requestObject"]["spec"]["hostNetwork"] is True
    assert made["responseObject"]["metadata"]["uid"]
    assert (made["user"]["username"], made["sourceIPs"]) == ("kubernetes-admin", ["127.0.0.1"])
    assert made["annotations"] == {
        "authorization.k8s.io/decision": "allow",
        "authorization.k8s.io/reason": "",
        "pod-security.kubernetes.io/enforce-policy": "privileged:latest",
        "pod-security.kubernetes.io/audit-violations": (
            'would violate PodSecurity "baseline:latest": host namespaces (hostNetwork=true)'
        ),
    }
    ran = until(lambda: len(found := about(log, "get", "pods/exec")) == 2 and found, "the command's end is told")
    assert [event["stage"] for event in ran] == ["ResponseStarted", "ResponseComplete"]
    assert {event["responseStatus"]["code"] for event in ran} == {101}
    assert log.stat().st_mode & 0o777 == 0o600

    before = another.get("pod", "web", "-n", "shop")["status"]["containerStatuses"]
    policy.write_text(LATER)
    another.up("--audit-policy-file", str(policy))
    another.wait_ready("web", namespace="shop")
    assert another.get("pod", "web", "-n", "shop")["status"]["containerStatuses"] == before
    size = len(events(log))
    another.kubectl("get", "--raw", "/version", "--as=ann", "--as-group=people")
    came, complete = until(lambda: len(found := events(log)[size:]) == 2 and found, "the version's request is told")
    assert (came["stage"], complete["stage"]) == ("RequestReceived", "ResponseComplete")
    assert (came["user"]["username"], complete["impersonatedUser"]["username"]) == ("kubernetes-admin", "ann")


def test_a_policy_that_cannot_be_followed_makes_no_cluster(another: RealCluster, tmp_path: Path) -> None:
    policy = tmp_path / "policy.yaml"
    policy.write_text(f"{HEAD}rules: [{{level: Everything}}]\n")
    refused = another.podbay("up", "--name", another.name, "--audit-policy-file", str(policy), check=False)
    assert refused.code == 1
    assert refused.err == (
        'error: loading audit policy file: rules[0].level: Unsupported value: "Everything": supported values: "None",'
        f' "Metadata", "Request", "RequestResponse": from file {policy}\n'
    )
    assert not Path("/var/lib/podbay", another.name).exists()


def test_a_full_disk_breaks_no_request_and_the_servers_log_tells_of_it(another: RealCluster, tmp_path: Path) -> None:
    policy = tmp_path / "policy.yaml"
    policy.write_text(f"{HEAD}rules: [{{level: Metadata}}]\n")
    another.up("--audit-policy-file", str(policy), "--audit-log-path", "/dev/full")
    another.kubectl("create", "configmap", "c", "--from-literal=k=v")
    assert another.get("configmap", "c")["data"] == {"k": "v"}
    told = Path("/var/log/podbay", another.name, "server.log").read_text()
    assert told.count("the audit log cannot be written, events are lost: [Errno 28] No space left on device") == 1
