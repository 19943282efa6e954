"""Pods in namespaces that ask for a standard: refused, warned of, and left alone when they are there already."""

from typing import Any

import pytest

from tests.unit.apiserver.support import Api, pod

SPACES = "/api/v1/namespaces"
PODS = f"{SPACES}/safe/pods"
PREFIX = "pod-security.kubernetes.io/"
STRATEGIC = "application/strategic-merge-patch+json"
MERGE = "application/merge-patch+json"
WHY = (
    'violates PodSecurity "restricted:latest": allowPrivilegeEscalation != false (container "c" must set'
    ' securityContext.allowPrivilegeEscalation=false), unrestricted capabilities (container "c" must set'
    ' securityContext.capabilities.drop=["ALL"]), runAsNonRoot != true (pod or container "c" must set'
    ' securityContext.runAsNonRoot=true), seccompProfile (pod or container "c" must set'
    ' securityContext.seccompProfile.type to "RuntimeDefault" or "Localhost")'
)
CONTEXT = {
    "allowPrivilegeEscalation": False,
    "capabilities": {"drop": ["ALL"]},
    "runAsNonRoot": True,
    "seccompProfile": {"type": "RuntimeDefault"},
}


def space(**modes: str) -> dict[str, Any]:
    labels = {PREFIX + mode.replace("_", "-"): value for mode, value in modes.items()}
    return {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "safe", "labels": labels}}


def good(name: str) -> dict[str, Any]:
    return pod(name, containers=[{"name": "c", "image": "i", "securityContext": CONTEXT}])


async def warned(api: Api, method: str, target: str, body: object, *, status: int, **how: Any) -> list[str]:
    """Return the texts of an answer's warnings."""
    answer = await api.send(method, target, body, **how)
    assert answer.status == status, answer.body
    headers = [value for name, value in answer.headers if name == "Warning"]
    return [value.removeprefix('299 - "')[:-1].replace('\\"', '"') for value in headers]


async def label(api: Api, *, status: int = 200, query: str = "", **modes: str | None) -> list[str]:
    labels = {PREFIX + mode.replace("_", "-"): value for mode, value in modes.items()}
    patch = {"metadata": {"labels": labels}}
    return await warned(api, "PATCH", f"{SPACES}/safe{query}", patch, status=status, media=MERGE)


async def test_a_pod_that_lacks_something_is_refused_where_it_is_enforced(api: Api) -> None:
    await api.create(SPACES, space(enforce="restricted"))
    refused = await api.call("POST", PODS, pod("x"), status=403)
    assert refused["message"] == f'pods "x" is forbidden: {WHY}'
    assert (refused["reason"], refused["details"]) == ("Forbidden", {"name": "x", "kind": "pods"})
    await api.call("GET", f"{PODS}/x", status=404)
    await api.create(PODS, good("y"))


async def test_a_pod_with_a_generated_name_is_refused_by_that_name(api: Api) -> None:
    await api.create(SPACES, space(enforce="baseline"))
    nameless = pod("", hostNetwork=True)
    nameless["metadata"] = {"generateName": "web-"}
    refused = await api.call("POST", PODS, nameless, status=403)
    assert refused["message"].startswith('pods "web-')
    assert refused["message"].endswith(
        'is forbidden: violates PodSecurity "baseline:latest": host namespaces (hostNetwork=true)'
    )


async def test_a_pod_that_is_wrong_in_itself_is_told_that_first(api: Api) -> None:
    await api.create(SPACES, space(enforce="restricted"))
    await api.call("POST", PODS, pod("x", restartPolicy="Sometimes"), status=422)


async def test_a_pod_that_lacks_something_is_let_in_with_a_warning(api: Api) -> None:
    await api.create(SPACES, space(warn="baseline", enforce="privileged"))
    assert await warned(api, "POST", PODS, pod("x", hostPID=True), status=201) == [
        'would violate PodSecurity "baseline:latest": host namespaces (hostPID=true)'
    ]
    assert await warned(api, "POST", PODS, pod("y"), status=201) == []


async def test_who_enforces_less_may_warn_of_more(api: Api) -> None:
    await api.create(SPACES, space(warn="restricted", enforce="baseline", warn_version="v1.18"))
    (warning,) = await warned(api, "POST", PODS, pod("x"), status=201)
    assert warning.startswith('would violate PodSecurity "restricted:v1.18": allowPrivilegeEscalation != false')
    assert await warned(api, "POST", PODS, pod("y", hostPID=True), status=403) == []


async def test_what_only_audit_asks_for_stops_and_warns_nobody(api: Api) -> None:
    await api.create(SPACES, space(audit="restricted"))
    assert await warned(api, "POST", PODS, pod("x"), status=201) == []


async def test_a_dry_run_is_refused_and_warned_alike(api: Api) -> None:
    await api.create(SPACES, space(enforce="baseline", warn="restricted"))
    await api.call("POST", f"{PODS}?dryRun=All", pod("x", hostIPC=True), status=403)
    assert len(await warned(api, "POST", f"{PODS}?dryRun=All", pod("x"), status=201)) == 1


async def test_labels_that_mean_nothing_are_refused(api: Api) -> None:
    refused = await api.call("POST", SPACES, space(enforce="strict"), status=422)
    assert refused["message"] == (
        'Namespace "safe" is invalid: metadata.labels[pod-security.kubernetes.io/enforce]: Invalid value: "strict": '
        "must be one of privileged, baseline, restricted"
    )
    await api.create(SPACES, space())
    await label(api, status=422, warn_version="1.30")
    assert (await api.call("GET", f"{SPACES}/safe"))["metadata"]["labels"] == {"kubernetes.io/metadata.name": "safe"}


async def test_pods_that_are_there_are_named_and_left_alone(api: Api) -> None:
    await api.create(SPACES, space())
    for name in ("c", "b", "d"):
        await api.create(PODS, pod(name))
    await api.create(PODS, pod("a", hostNetwork=True))
    await api.create(PODS, good("e"))
    lacks = "allowPrivilegeEscalation != false, unrestricted capabilities, runAsNonRoot != true, seccompProfile"
    expected = [
        'existing pods in namespace "safe" violate the new PodSecurity enforce level "restricted:latest"',
        f"a: host namespaces, {lacks}",
        f"b (and 2 other pods): {lacks}",
    ]
    assert await label(api, query="?dryRun=All", enforce="restricted") == expected
    assert await label(api, enforce="restricted") == expected
    assert len((await api.call("GET", PODS))["items"]) == 5
    assert await label(api, warn="baseline") == []
    assert await label(api, enforce="baseline") == []
    assert await label(api, enforce_version="v1.20") == [
        'existing pods in namespace "safe" violate the new PodSecurity enforce level "baseline:v1.20"',
        "a: host namespaces",
    ]
    assert await label(api, enforce=None) == []


async def test_pods_of_one_controller_are_counted_and_a_pair_is_one_other(api: Api) -> None:
    await api.create(SPACES, space())
    owner = {"apiVersion": "apps/v1", "kind": "ReplicaSet", "name": "r", "uid": "u", "controller": True}
    for name in ("a", "b"):
        owned = pod(name, hostPID=True)
        owned["metadata"]["ownerReferences"] = [owner]
        await api.create(PODS, owned)
    assert (await label(api, enforce="baseline"))[1:] == ["a (and 1 other pod): host namespaces"]


async def test_of_very_many_pods_the_first_are_looked_at(api: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("podbay.apiserver.pod_security._MOST_PODS", 2)
    await api.create(SPACES, space())
    for name in ("a", "b", "c"):
        await api.create(PODS, good(name))
    assert await label(api, enforce="baseline") == [
        "new PodSecurity enforce level only checked against the first 2 of 3 existing pods"
    ]


async def test_a_template_is_warned_of_but_never_refused(api: Api) -> None:
    await api.create(SPACES, space(enforce="baseline", enforce_version="v1.30"))
    templates = f"{SPACES}/safe/podtemplates"
    template = {"metadata": {"name": "t"}, "template": {"spec": pod("", hostPID=True)["spec"]}}
    expected = ['would violate PodSecurity "baseline:v1.30": host namespaces (hostPID=true)']
    assert await warned(api, "POST", templates, template, status=201) == expected
    change = {"template": {"metadata": {"labels": {"a": "b"}}}}
    assert await warned(api, "PATCH", f"{templates}/t", change, status=200, media=MERGE) == expected
    await label(api, enforce="privileged", audit="restricted")
    assert await warned(api, "PATCH", f"{templates}/t", change, status=200, media=MERGE) == []


async def test_a_pod_from_before_may_change_but_not_its_image(api: Api) -> None:
    await api.create(SPACES, space())
    await api.create(PODS, pod("x"))
    await label(api, enforce="restricted")
    relabelled = {"metadata": {"labels": {"a": "b"}}}
    await api.call("PATCH", f"{PODS}/x", relabelled, media=MERGE)
    await api.call("PATCH", f"{PODS}/x/status", {"status": {"message": "m"}}, media=MERGE)
    other = {"spec": {"containers": [{"name": "c", "image": "other"}]}}
    refused = await api.call("PATCH", f"{PODS}/x", other, media=STRATEGIC, status=403)
    assert refused["message"] == f'pods "x" is forbidden: {WHY}'


async def test_an_ephemeral_container_must_meet_the_standard_too(api: Api) -> None:
    await api.create(SPACES, space(enforce="restricted"))
    await api.create(PODS, good("x"))
    added = {"spec": {"ephemeralContainers": [{"name": "e", "image": "i"}]}}
    refused = await api.call("PATCH", f"{PODS}/x/ephemeralcontainers", added, media=STRATEGIC, status=403)
    assert 'container "e" must set securityContext.allowPrivilegeEscalation=false' in refused["message"]
    added["spec"]["ephemeralContainers"][0]["securityContext"] = CONTEXT  # type: ignore[assignment]  # of another kind
    await api.call("PATCH", f"{PODS}/x/ephemeralcontainers", added, media=STRATEGIC)
