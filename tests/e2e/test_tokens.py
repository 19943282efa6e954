"""Tokens of service accounts, as every kubectl asks for them and as others check them."""

import json
from collections.abc import Iterator
from typing import Any

import pytest

from podbay.wire.base64url import decode
from tests.e2e.harness import SLEEP, RealCluster, pod, shell

REVIEWS = "/apis/authentication.k8s.io/v1/tokenreviews"
PLACE = "/var/run/secrets/kubernetes.io/serviceaccount"


@pytest.fixture
def robot(cluster: RealCluster, version: str) -> Iterator[str]:
    """Give an account's name, and take the account away."""
    name = f"robot-{version.replace('.', '-')}"
    cluster.kubectl("create", "serviceaccount", name, version=version)
    yield name
    cluster.kubectl("delete", "serviceaccount", name, version=version)


def claims(token: str) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(decode(token.strip().split(".")[1]))
    return found


def test_a_token_is_made_and_comes_in_as_its_account(cluster: RealCluster, version: str, robot: str) -> None:
    def k(*words: str, check: bool = True) -> str:
        done = cluster.kubectl(*words, version=version, check=check)
        return done.out if check else done.err

    token = k("create", "token", robot, "--duration=20m", "--audience=https://kubernetes.default.svc.cluster.local")
    said = claims(token)
    assert said["exp"] - said["iat"] == 1200
    assert said["sub"] == f"system:serviceaccount:default:{robot}"
    refused = k("get", "pods", f"--token={token.strip()}", "--kubeconfig=/dev/null", *server(cluster), check=False)
    assert f'User "system:serviceaccount:default:{robot}" cannot list resource "pods"' in refused
    if version not in ("1.27",):  # which asks by an older version of the API
        who = json.loads(k("auth", "whoami", "-o", "json", f"--token={token.strip()}", "--kubeconfig=/dev/null",
                           *server(cluster)))  # fmt: skip
        user = who["status"]["userInfo"]
        assert user["username"] == f"system:serviceaccount:default:{robot}"
        assert user["groups"][-1] == "system:authenticated"
    assert "may not specify a duration less than 10 minutes" in k(
        "create", "token", robot, "--duration=1m", check=False
    )
    secret = json.loads(k("create", "secret", "generic", f"of-{robot}", "-o", "json"))
    bound = k(
        "create", "token", robot, "--bound-object-kind=Secret", f"--bound-object-name=of-{robot}",
        f"--bound-object-uid={secret['metadata']['uid']}",
    )  # fmt: skip
    assert claims(bound)["kubernetes.io"]["secret"]["name"] == f"of-{robot}"
    k("delete", "secret", f"of-{robot}")
    refused = k("get", "pods", f"--token={bound.strip()}", "--kubeconfig=/dev/null", *server(cluster), check=False)
    assert "You must be logged in to the server" in refused or "Unauthorized" in refused


def server(cluster: RealCluster) -> tuple[str, str]:
    """Return the flags that reach a cluster as nobody in particular."""
    found = json.loads(cluster.kubectl("config", "view", "--raw", "--minify", "-o", "json").out)
    authority = cluster.directory / "authority.crt"
    certificate = cluster.kubectl("get", "configmap", "kube-root-ca.crt", "-o", "jsonpath={.data.ca\\.crt}").out
    authority.write_text(certificate)
    return f"--server={found['clusters'][0]['cluster']['server']}", f"--certificate-authority={authority}"


def test_every_pod_has_a_token_the_servers_certificate_and_its_namespace(cluster: RealCluster) -> None:
    main = shell("main", SLEEP)
    cluster.apply(
        pod("own", main),
        pod("bare", main, automountServiceAccountToken=False),
        pod("user", main, securityContext={"runAsUser": 1000}),
        pod("group", main, securityContext={"runAsUser": 1000, "fsGroup": 3000}),
    )
    try:
        own, *_ = cluster.wait_ready("own", "bare", "user", "group")
        said = claims(cluster.exec("own", "cat", f"{PLACE}/token"))
        assert said["kubernetes.io"]["pod"] == {"name": "own", "uid": own["metadata"]["uid"]}
        assert said["kubernetes.io"]["node"]["name"] == own["spec"]["nodeName"]
        assert said["kubernetes.io"]["warnafter"] - said["iat"] == 3607
        authority = cluster.kubectl("get", "configmap", "kube-root-ca.crt", "-o", "jsonpath={.data.ca\\.crt}").out
        assert cluster.exec("own", "cat", f"{PLACE}/ca.crt") == authority
        assert cluster.exec("own", "cat", f"{PLACE}/namespace") == "default"
        assert cluster.exec("bare", "sh", "-c", f"ls {PLACE} 2>/dev/null || echo none") == "none\n"
        told = {
            name: cluster.exec(name, "stat", "-Lc", "%a %u %g", f"{PLACE}/token").strip()
            for name in ("own", "user", "group")
        }
        assert told == {"own": "644 0 0", "user": "600 1000 0", "group": "640 1000 3000"}
        assert cluster.exec("user", "head", "-c", "2", f"{PLACE}/token") == "ey"
        assert "TokenExpirationSeconds:  3607" in cluster.kubectl("describe", "pod", "own").out
    finally:
        cluster.wait_gone("own", "bare", "user", "group")


def test_others_check_a_token_by_the_servers_keys_or_ask_it(cluster: RealCluster) -> None:
    token = cluster.kubectl("create", "token", "default").out.strip()
    keys = cluster.kubectl("get", "--raw", "/openid/v1/jwks").out
    assert json.loads(decode(token.split(".")[0]))["kid"] == json.loads(keys)["keys"][0]["kid"]
    issuer = json.loads(cluster.kubectl("get", "--raw", "/.well-known/openid-configuration").out)
    assert issuer["issuer"] == claims(token)["iss"]
    review = {"apiVersion": "authentication.k8s.io/v1", "kind": "TokenReview", "spec": {"token": token}}
    told = json.loads(cluster.kubectl("create", f"--raw={REVIEWS}", "-f", "-", stdin=json.dumps(review)).out)
    assert told["status"]["authenticated"]
