"""Tokens of service accounts: how they are asked for, what they say, and how long they count."""

from typing import Any

import pytest

from podbay.apiserver.tokens.claims import ISSUER
from podbay.wire import json
from podbay.wire.base64url import decode
from podbay.wire.http import PeerCertificate
from tests.unit.apiserver.support import PODS, Api, pod

ACCOUNTS = "/api/v1/namespaces/default/serviceaccounts"
TOKEN = f"{ACCOUNTS}/default/token"
REVIEWS = "/apis/authentication.k8s.io/v1/tokenreviews"
SELF = "/apis/authentication.k8s.io/v1/selfsubjectreviews"
NODE = PeerCertificate("system:node:n", ("system:nodes",))
HOUR_S = 3600


def asking(**spec: Any) -> dict[str, Any]:
    return {"apiVersion": "authentication.k8s.io/v1", "kind": "TokenRequest", "spec": spec}


def bound_to(obj: dict[str, Any], kind: str, **spec: Any) -> dict[str, Any]:
    metadata = obj["metadata"]
    reference = {"apiVersion": "v1", "kind": kind, "name": metadata["name"], "uid": metadata["uid"]}
    return asking(boundObjectRef=reference, **spec)


def claims(token: str) -> dict[str, Any]:
    found: dict[str, Any] = json.decode(decode(token.split(".")[1]))
    return found


async def token_of(api: Api, asked: dict[str, Any]) -> str:
    return str((await api.create(TOKEN, asked))["status"]["token"])


async def review(api: Api, token: str, *audiences: str) -> dict[str, Any]:
    spec = {"token": token, "audiences": list(audiences)}
    found: dict[str, Any] = (await api.create(REVIEWS, {"spec": spec}))["status"]
    return found


async def test_a_token_lasts_an_hour_and_is_for_the_api_server_if_nothing_else_is_asked(api: Api) -> None:
    given = await api.create(TOKEN, asking())
    account = await api.call("GET", f"{ACCOUNTS}/default")
    assert given["metadata"] == {
        "name": "default", "namespace": "default", "creationTimestamp": "2026-01-01T00:00:00Z"
    }  # fmt: skip
    assert given["spec"] == {"audiences": [ISSUER], "expirationSeconds": HOUR_S, "boundObjectRef": None}
    assert given["status"]["expirationTimestamp"] == "2026-01-01T01:00:00Z"
    said = claims(given["status"]["token"])
    began = int(api.clock.now().timestamp())
    assert said.pop("jti")
    assert said == {
        "aud": [ISSUER],
        "exp": began + HOUR_S,
        "iat": began,
        "iss": ISSUER,
        "kubernetes.io": {
            "namespace": "default",
            "serviceaccount": {"name": "default", "uid": account["metadata"]["uid"]},
        },
        "nbf": began,
        "sub": "system:serviceaccount:default:default",
    }


@pytest.mark.parametrize(
    ("seconds", "why"),
    [(599, "may not specify a duration less than 10 minutes"), (2**32 + 1, "larger than 2^32 seconds")],
)
async def test_a_token_lasts_ten_minutes_at_least(api: Api, seconds: int, why: str) -> None:
    refused = await api.call("POST", TOKEN, asking(expirationSeconds=seconds), status=422)
    assert refused["message"].startswith(
        f'TokenRequest.authentication.k8s.io "" is invalid: spec.expirationSeconds: Invalid value: {seconds}: '
    )
    assert why in refused["message"]


async def test_a_token_is_of_an_account_that_is_there_and_is_named_rightly(api: Api) -> None:
    refused = await api.call("POST", f"{ACCOUNTS}/robot/token", asking(), status=404)
    assert refused["message"] == 'serviceaccounts "robot" not found'
    for field in ("name", "namespace"):
        refused = await api.call("POST", TOKEN, {**asking(), "metadata": {field: "x"}}, status=422)
        assert f"must match the service account {field} if specified" in refused["message"]


async def test_whoever_shows_a_token_is_its_account(api: Api) -> None:
    token = await token_of(api, asking())
    uid = (await api.call("GET", f"{ACCOUNTS}/default"))["metadata"]["uid"]
    told = await api.call("POST", SELF, {}, bearer=token, status=201)
    user = told["status"]["userInfo"]
    assert user["extra"]["authentication.kubernetes.io/credential-id"] == [f"JTI={claims(token)['jti']}"]
    assert (user["username"], user["uid"]) == ("system:serviceaccount:default:default", uid)
    assert user["groups"] == ["system:serviceaccounts", "system:serviceaccounts:default", "system:authenticated"]
    refused = await api.call("GET", PODS, bearer=token, status=403)
    assert refused["message"] == (
        'pods is forbidden: User "system:serviceaccount:default:default" cannot list resource "pods" in API group ""'
        ' in the namespace "default"'
    )


async def test_a_token_ends_with_its_time(api: Api) -> None:
    token = await token_of(api, asking())
    await api.clock.advance(HOUR_S + 59)
    await api.call("POST", SELF, {}, bearer=token, status=201)
    await api.clock.advance(2)
    await api.call("POST", SELF, {}, bearer=token, status=401)
    assert (await review(api, token))["error"] == "[invalid bearer token, service account token has expired]"


async def test_a_token_for_others_is_none_for_the_api_server(api: Api) -> None:
    token = await token_of(api, asking(audiences=["vault"]))
    await api.call("POST", SELF, {}, bearer=token, status=401)
    assert await review(api, token) == {
        "user": {},
        "error": f'[invalid bearer token, token audiences ["vault"] is invalid for the target audiences ["{ISSUER}"]]',
    }
    told = await review(api, token, "vault", "other")
    assert (told["authenticated"], told["audiences"]) == (True, ["vault"])
    assert told["user"]["username"] == "system:serviceaccount:default:default"


async def test_a_token_ends_with_its_account(api: Api) -> None:
    await api.create(ACCOUNTS, {"metadata": {"name": "robot"}})
    given = await api.create(f"{ACCOUNTS}/robot/token", asking())
    await api.call("DELETE", f"{ACCOUNTS}/robot")
    told = await review(api, given["status"]["token"])
    assert told["error"] == '[invalid bearer token, serviceaccounts "robot" not found]'
    again = await api.create(ACCOUNTS, {"metadata": {"name": "robot"}})
    told = await review(api, given["status"]["token"])
    uids = (again["metadata"]["uid"], claims(given["status"]["token"])["kubernetes.io"]["serviceaccount"]["uid"])
    assert told["error"] == (
        f"[invalid bearer token, service account UID ({uids[0]}) does not match claim ({uids[1]})]"
    )


async def test_a_pods_token_says_so_and_ends_with_the_pod(api: Api) -> None:
    node = await api.create("/api/v1/nodes", {"metadata": {"name": "n"}})
    made = await api.create(PODS, pod("web", nodeName="n"))
    token = await token_of(api, bound_to(made, "Pod"))
    said = claims(token)["kubernetes.io"]
    assert said["pod"] == {"name": "web", "uid": made["metadata"]["uid"]}
    assert said["node"] == {"name": "n", "uid": node["metadata"]["uid"]}
    extra = (await review(api, token))["user"]["extra"]
    prefix = "authentication.kubernetes.io/"
    assert {name.removeprefix(prefix) for name in extra} == {
        "credential-id", "pod-name", "pod-uid", "node-name", "node-uid"
    }  # fmt: skip
    assert extra[f"{prefix}pod-name"] == ["web"]
    await api.call("DELETE", "/api/v1/nodes/n")
    assert (await review(api, token))["authenticated"]
    await api.call("DELETE", f"{PODS}/web", {"gracePeriodSeconds": 0})
    told = await review(api, token)
    assert told["error"] == "[invalid bearer token, service account token has been invalidated]"
    again = await api.create(PODS, pod("web"))
    told = await review(api, token)
    assert told["error"] == (
        f"[invalid bearer token, pod UID ({again['metadata']['uid']}) does not match service account pod ref claim"
        f" ({made['metadata']['uid']})]"
    )


async def test_a_token_may_be_bound_to_a_secret_or_a_node(api: Api) -> None:
    for kind, path in (("Secret", "/api/v1/namespaces/default/secrets"), ("Node", "/api/v1/nodes")):
        made = await api.create(path, {"metadata": {"name": "x"}})
        token = await token_of(api, bound_to(made, kind))
        assert (await review(api, token))["authenticated"]
        await api.call("DELETE", f"{path}/x")
        told = await review(api, token)
        assert told["error"] == "[invalid bearer token, service account token has been invalidated]"


async def test_a_token_is_bound_to_nothing_else(api: Api) -> None:
    reference = {"apiVersion": "v1", "kind": "ConfigMap", "name": "x"}
    refused = await api.call("POST", TOKEN, asking(boundObjectRef=reference), status=400)
    assert refused["message"] == "cannot bind token to object of type /v1, Kind=ConfigMap"
    made = await api.create(PODS, pod("web"))
    made["metadata"]["uid"] = "other"
    refused = await api.call("POST", TOKEN, bound_to(made, "Pod"), status=409)
    assert "the UID in the bound object reference (other) does not match the UID in record" in refused["message"]
    await api.create(ACCOUNTS, {"metadata": {"name": "robot"}})
    refused = await api.call("POST", f"{ACCOUNTS}/robot/token", bound_to(made, "Pod"), status=400)
    assert refused["message"] == (
        'cannot bind token for serviceaccount "robot" to pod running with different serviceaccount name.'
    )


async def test_the_token_that_pods_are_given_lasts_a_year_for_those_who_read_it_once(api: Api) -> None:
    made = await api.create(PODS, pod("web"))
    given = await api.create(TOKEN, bound_to(made, "Pod", expirationSeconds=3607))
    said = claims(given["status"]["token"])
    assert said["exp"] - said["iat"] == 365 * 24 * HOUR_S
    assert said["kubernetes.io"]["warnafter"] - said["iat"] == 3607
    assert given["status"]["expirationTimestamp"] == "2026-01-01T01:00:07Z"
    for asked in (asking(expirationSeconds=3607), bound_to(made, "Pod", expirationSeconds=3607, audiences=["v"])):
        said = claims(await token_of(api, asked))
        assert said["exp"] - said["iat"] == 3607


async def test_what_is_no_token_is_told_apart(api: Api) -> None:
    refused = await api.call("POST", REVIEWS, {"spec": {}}, status=400)
    assert refused["message"] == "token is required for TokenReview in authentication"
    assert await review(api, "junk") == {"user": {}, "error": "invalid bearer token"}
    head, body, _ = (await token_of(api, asking())).split(".")
    told = await review(api, f"{head}.{body}.AAAA")
    assert told["error"] == "[invalid bearer token, go-jose/go-jose: error in cryptographic primitive]"


async def test_a_node_asks_for_tokens_of_its_own_pods_alone(api: Api) -> None:
    mine = await api.create(PODS, pod("mine", nodeName="n"))
    theirs = await api.create(PODS, pod("theirs", nodeName="m"))
    await api.create(ACCOUNTS, {"metadata": {"name": "robot"}})

    async def told(path: str, asked: dict[str, Any], status: int = 403) -> str:
        return str((await api.call("POST", path, asked, peer=NODE, status=status)).get("message", ""))

    assert await told(TOKEN, bound_to(mine, "Pod"), 201) == ""
    assert await told(TOKEN, asking()) == (
        'serviceaccounts "default" is forbidden: node requested token not bound to a pod'
    )
    assert (await told(TOKEN, bound_to(theirs, "Pod"))).endswith(
        "node requested token bound to a pod scheduled on a different node"
    )
    assert (await told(TOKEN, bound_to(mine, "Pod", audiences=["a", "b"]))).endswith(
        "node may only request 0 or 1 audiences"
    )
    assert (await told(TOKEN, bound_to(mine, "Pod", audiences=["vault"]))).endswith(
        'audience "vault" not found in pod spec volume, system:node:n is not authorized to request tokens for this'
        " audience"
    )
    assert (await told(f"{ACCOUNTS}/robot/token", bound_to(mine, "Pod"))).endswith(
        "no relationship found between node 'n' and this object"
    )


async def test_others_can_check_tokens_by_the_servers_keys(api: Api) -> None:
    token = await token_of(api, asking())
    found = await api.call("GET", "/.well-known/openid-configuration", bearer=token)
    assert (found["issuer"], found["jwks_uri"]) == (ISSUER, "https://127.0.0.1:6443/openid/v1/jwks")
    assert found["id_token_signing_alg_values_supported"] == ["ES256"]
    answer = await api.send("GET", "/openid/v1/jwks", bearer=token)
    assert ("Content-Type", "application/jwk-set+json") in answer.headers
    head = json.decode(decode(token.split(".")[0]))
    assert [key["kid"] for key in json.decode(answer.body)["keys"]] == [head["kid"]]
    await api.call("GET", "/openid/v1/jwks", peer=PeerCertificate("jane"), status=403)


async def test_only_those_who_check_tokens_review_them(api: Api) -> None:
    token = await token_of(api, asking())
    await api.call("POST", REVIEWS, {"spec": {"token": token}}, peer=NODE, status=201)
    await api.call("POST", REVIEWS, {"spec": {"token": token}}, bearer=token, status=403)
    told = await api.call("POST", SELF, {}, peer=PeerCertificate("jane", ("dev",)), status=201)
    assert told["status"]["userInfo"] == {"username": "jane", "groups": ["dev", "system:authenticated"]}
