"""Limit ranges at the API server: who is given what, who is refused, and when nobody looks."""

from typing import Any

from tests.unit.apiserver.support import PODS, Api, pod

LIMITS = "/api/v1/namespaces/default/limitranges"
CLAIMS = "/api/v1/namespaces/default/persistentvolumeclaims"


async def limit(api: Api, *items: dict[str, Any], name: str = "l") -> None:
    body = {"apiVersion": "v1", "kind": "LimitRange", "metadata": {"name": name}, "spec": {"limits": list(items)}}
    await api.create(LIMITS, body)


def sized(name: str = "p", **resources: Any) -> dict[str, Any]:
    return pod(name, containers=[{"name": "c", "image": "i", "resources": resources}])


def claim(amount: str, **metadata: Any) -> dict[str, Any]:
    spec = {"accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": amount}}}
    return {
        "apiVersion": "v1",
        "kind": "PersistentVolumeClaim",
        "metadata": {"name": "data", **metadata},
        "spec": spec,
    }


async def test_a_pod_gets_its_defaults_and_with_them_its_class_of_service(api: Api) -> None:
    await limit(api, {"type": "Container", "default": {"cpu": "1", "memory": "1Gi"}})
    made = await api.create(PODS, pod("p"))
    (container,) = made["spec"]["containers"]
    assert container["resources"] == {
        "limits": {"cpu": "1", "memory": "1Gi"},
        "requests": {"cpu": "1", "memory": "1Gi"},
    }
    assert made["status"]["qosClass"] == "Guaranteed"
    assert made["metadata"]["annotations"]["kubernetes.io/limit-ranger"] == (
        "LimitRanger plugin set: cpu, memory request for container c; cpu, memory limit for container c"
    )


async def test_everything_that_is_wrong_is_told_at_once_and_in_a_dry_run_too(api: Api) -> None:
    await limit(api, {"type": "Pod", "max": {"cpu": "1", "memory": "1Gi"}})
    for target in (PODS, f"{PODS}?dryRun=All"):
        answer = await api.call("POST", target, sized(limits={"cpu": "2"}), status=403)
        assert answer["reason"] == "Forbidden"
        assert answer["message"] == (
            'pods "p" is forbidden: [maximum cpu usage per Pod is 1, but limit is 2, maximum memory usage per Pod is'
            " 1Gi.  No limit is specified]"
        )
        assert answer["details"] == {"name": "p", "kind": "pods"}


async def test_an_invalid_pod_is_told_so_first(api: Api) -> None:
    await limit(api, {"type": "Pod", "max": {"cpu": "1"}})
    await api.call("POST", PODS, sized(requests={"cpu": "3"}, limits={"cpu": "2"}), status=422)


async def test_the_limits_of_a_namespace_are_nobody_elses(api: Api) -> None:
    await limit(api, {"type": "Container", "min": {"cpu": "1"}, "max": {"cpu": "1"}})
    other = "/api/v1/namespaces/kube-public/pods"
    made = await api.create(other, pod("p"))
    assert not made["spec"]["containers"][0].get("resources")


async def test_a_pod_that_is_there_is_changed_whatever_the_limits_are(api: Api) -> None:
    made = await api.create(PODS, pod("p"))
    await limit(api, {"type": "Container", "min": {"cpu": "1"}})
    made["metadata"]["labels"] = {"a": "b"}
    changed = await api.call("PUT", f"{PODS}/p", made, status=200)
    assert not changed["spec"]["containers"][0].get("resources")


async def test_a_resize_is_held_to_the_limits(api: Api) -> None:
    await api.create(PODS, sized(requests={"cpu": "1"}, limits={"cpu": "2"}))
    await limit(api, {"type": "Container", "max": {"cpu": "3"}})
    wanted = {"spec": {"containers": [{"name": "c", "resources": {"limits": {"cpu": "4"}}}]}}
    media = "application/strategic-merge-patch+json"
    answer = await api.call("PATCH", f"{PODS}/p/resize", wanted, media=media, status=403)
    assert answer["message"] == 'pods "p" is forbidden: maximum cpu usage per Container is 3, but limit is 4'
    wanted["spec"]["containers"][0]["resources"] = {"limits": {"cpu": "3"}}
    resized = await api.call("PATCH", f"{PODS}/p/resize", wanted, media=media, status=200)
    assert "annotations" not in resized["metadata"]


async def test_a_claim_is_held_to_the_limits_until_it_ends(api: Api) -> None:
    await api.create(CLAIMS, claim("1Mi", finalizers=["example.com/held"]))
    await limit(api, {"type": "PersistentVolumeClaim", "min": {"storage": "1Gi"}})
    answer = await api.call("POST", CLAIMS, {**claim("1Mi"), "metadata": {"name": "other"}}, status=403)
    assert answer["message"] == (
        'persistentvolumeclaims "other" is forbidden: minimum storage usage per PersistentVolumeClaim is 1Gi, but'
        " request is 1Mi"
    )
    label = {"metadata": {"labels": {"a": "b"}}}
    media = "application/merge-patch+json"
    await api.call("PATCH", f"{CLAIMS}/data", label, media=media, status=403)
    await api.call("DELETE", f"{CLAIMS}/data", status=200)
    await api.call("PATCH", f"{CLAIMS}/data", label, media=media, status=200)


async def test_a_limit_range_needs_no_name_and_is_made_by_a_put(api: Api) -> None:
    body = {"apiVersion": "v1", "kind": "LimitRange", "spec": {"limits": []}}
    made = await api.create(LIMITS, {**body, "metadata": {}})
    assert made["metadata"]["name"]
    await api.call("PUT", f"{LIMITS}/new", {**body, "metadata": {"name": "new"}}, status=201)


async def test_limit_ranges_are_listed_by_name_and_time(api: Api) -> None:
    await limit(api)
    answer = await api.call("GET", LIMITS, accept="application/json;as=Table;v=v1;g=meta.k8s.io", status=200)
    assert [column["name"] for column in answer["columnDefinitions"]] == ["Name", "Created At"]
