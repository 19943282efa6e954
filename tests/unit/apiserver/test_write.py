"""Creation, replacement and patches: versions, names, subresources, dry runs, bodies."""

import asyncio

import pytest

from tests.unit.apiserver.support import MAPS, PODS, Api, config_map, pod

MERGE = "application/merge-patch+json"
STRATEGIC = "application/strategic-merge-patch+json"

OTHER_NAMESPACE = "the namespace of the provided object does not match the namespace sent on the request"


async def test_a_created_pod_is_pending_with_defaults_and_the_servers_metadata(api: Api) -> None:
    made = await api.create(PODS, pod("web"))
    assert made["metadata"]["namespace"] == "default"
    assert made["metadata"]["uid"]
    assert made["metadata"]["resourceVersion"]
    assert made["metadata"]["creationTimestamp"] == "2026-01-01T00:00:00Z"
    assert made["status"] == {"phase": "Pending", "qosClass": "BestEffort"}
    assert made["spec"]["restartPolicy"] == "Always"
    assert await api.call("GET", f"{PODS}/web") == made


async def test_names_are_generated_anew(api: Api) -> None:
    obj = {"metadata": {"generateName": "web-"}, "data": {}}
    names = {(await api.create(MAPS, obj))["metadata"]["name"] for _ in range(5)}
    assert len(names) == 5
    assert all(name.startswith("web-") and len(name) == 9 for name in names)


async def test_a_second_one_of_the_same_name_already_exists(api: Api) -> None:
    await api.create(MAPS, config_map("a"))
    refused = await api.call("POST", MAPS, config_map("a"), status=409)
    assert (refused["reason"], refused["message"]) == ("AlreadyExists", 'configmaps "a" already exists')
    refused = await api.call("POST", f"{MAPS}?dryRun=All", config_map("a"), status=409)
    assert refused["reason"] == "AlreadyExists"


async def test_names_in_two_namespaces_never_touch(api: Api) -> None:
    await api.create("/api/v1/namespaces", {"metadata": {"name": "other"}})
    await api.create(MAPS, config_map("a", k="here"))
    await api.create("/api/v1/namespaces/other/configmaps", config_map("a", k="there"))
    await api.call("DELETE", "/api/v1/namespaces/other/configmaps/a")
    assert (await api.call("GET", f"{MAPS}/a"))["data"] == {"k": "here"}


async def test_a_namespace_that_is_not_there_takes_nothing(api: Api) -> None:
    refused = await api.call("POST", "/api/v1/namespaces/nowhere/pods", pod("web"), status=404)
    assert refused["message"] == 'namespaces "nowhere" not found'


async def test_an_old_version_does_not_overwrite(api: Api) -> None:
    made = await api.create(MAPS, config_map("a"))
    await api.call("PUT", f"{MAPS}/a", made | {"data": {"k": "1"}})
    refused = await api.call("PUT", f"{MAPS}/a", made | {"data": {"k": "2"}}, status=409)
    assert refused["message"] == (
        'Operation cannot be fulfilled on configmaps "a": the object has been modified; please apply your changes to'
        " the latest version and try again"
    )


async def test_patches_that_race_all_land(api: Api) -> None:
    await api.create(MAPS, config_map("a"))
    await asyncio.gather(*(api.call("PATCH", f"{MAPS}/a", {"data": {f"k{i}": "v"}}, media=MERGE) for i in range(4)))
    assert len((await api.call("GET", f"{MAPS}/a"))["data"]) == 4


async def test_a_write_that_changes_nothing_keeps_the_version(api: Api) -> None:
    made = await api.create(MAPS, config_map("a", k="v"))
    same = await api.call("PATCH", f"{MAPS}/a", {"data": {"k": "v"}}, media=MERGE)
    assert same["metadata"]["resourceVersion"] == made["metadata"]["resourceVersion"]


async def test_status_changes_only_through_status(api: Api) -> None:
    made = await api.create(PODS, pod("web"))
    made["status"]["phase"] = "Running"
    assert (await api.call("PUT", f"{PODS}/web", made))["status"]["phase"] == "Pending"
    patch = {"status": {"phase": "Running"}, "spec": {"restartPolicy": "Never"}}
    patched = await api.call("PATCH", f"{PODS}/web/status", patch, media=STRATEGIC)
    assert (patched["status"]["phase"], patched["spec"]["restartPolicy"]) == ("Running", "Always")


async def test_a_status_patch_for_another_pod_of_the_same_name_is_refused(api: Api) -> None:
    await api.create(PODS, pod("web"))
    patch = {"metadata": {"uid": "old"}, "status": {"phase": "Running"}}
    refused = await api.call("PATCH", f"{PODS}/web/status", patch, media=STRATEGIC, status=409)
    assert "Precondition failed: UID in precondition: old" in refused["message"]


async def test_a_json_patch_tests_before_it_changes(api: Api) -> None:
    await api.create(MAPS, config_map("a", k="v"))
    wrong = [{"op": "test", "path": "/data/k", "value": "w"}, {"op": "remove", "path": "/data/k"}]
    await api.call("PATCH", f"{MAPS}/a", wrong, media="application/json-patch+json", status=422)
    right = [{"op": "replace", "path": "/data/k", "value": "w"}]
    patched = await api.call("PATCH", f"{MAPS}/a", right, media="application/json-patch+json")
    assert patched["data"] == {"k": "w"}


async def test_a_dry_run_answers_and_stores_nothing(api: Api) -> None:
    assert (await api.call("POST", f"{PODS}?dryRun=All", pod("web"), status=201))["metadata"]["uid"]
    await api.call("GET", f"{PODS}/web", status=404)
    await api.create(MAPS, config_map("a", k="v"))
    shown = await api.call("PATCH", f"{MAPS}/a?dryRun=All", {"data": {"k": "w"}}, media=MERGE)
    assert shown["data"] == {"k": "w"}
    assert (await api.call("GET", f"{MAPS}/a"))["data"] == {"k": "v"}


async def test_a_body_over_three_megabytes_is_refused(api: Api) -> None:
    refused = await api.call("POST", MAPS, b" " * (3 * 1024 * 1024 + 1), status=413)
    assert refused["reason"] == "RequestEntityTooLarge"


@pytest.mark.parametrize(
    ("media", "body", "status"),
    [
        ("application/json", b"{", 400),
        ("application/json", b"[]", 400),
        ("application/json", b'{"kind":"Pod","apiVersion":"v1"}', 400),
        ("text/html", b"{}", 415),
    ],
)
async def test_bodies_that_cannot_be_read_are_refused(api: Api, media: str, body: bytes, status: int) -> None:
    assert (await api.call("POST", MAPS, body, media=media, status=status))["status"] == "Failure"


async def test_yaml_is_a_body_too(api: Api) -> None:
    text = b"apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: a\ndata:\n  k: v\n"
    made = await api.call("POST", MAPS, text, media="application/yaml", status=201)
    assert made["data"] == {"k": "v"}


async def test_a_lease_is_made_by_put_and_never_replaced_without_its_version(api: Api) -> None:
    path = "/apis/coordination.k8s.io/v1/namespaces/default/leases/l"
    lease = {"metadata": {"name": "l"}, "spec": {"holderIdentity": "me"}}
    await api.call("PUT", path, lease, status=201)
    refused = await api.call("PUT", path, lease, status=422)
    assert refused["details"]["causes"][0]["field"] == "metadata.resourceVersion"


async def test_an_invalid_object_tells_every_problem_with_its_path(api: Api) -> None:
    bad = pod("Web_1", containers=[{"name": "c", "image": "i"}, {"name": "c", "image": ""}])
    refused = await api.call("POST", PODS, bad, status=422)
    assert refused["reason"] == "Invalid"
    fields = {cause["field"] for cause in refused["details"]["causes"]}
    assert fields == {"metadata.name", "spec.containers[1].name", "spec.containers[1].image"}


async def test_names_that_cannot_be_generated_are_told(api: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("podbay.apiserver.verbs.write.generate_name", lambda base: base + "same")
    body = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"generateName": "a-"}}
    await api.create(MAPS, body)
    refused = await api.call("POST", MAPS, body, status=409)
    assert refused["reason"] == "AlreadyExists"
    assert refused["message"] == (
        'configmaps "a-same" already exists, the server was not able to generate a unique name for the object'
    )
    assert refused["details"] == {"name": "a-same", "kind": "configmaps", "retryAfterSeconds": 1}


async def test_a_pods_generation_counts_changes_of_its_spec(api: Api) -> None:
    made = await api.create(PODS, pod("a"))
    assert made["metadata"]["generation"] == 1
    merge = "application/merge-patch+json"
    labelled = await api.call("PATCH", f"{PODS}/a", {"metadata": {"labels": {"x": "y"}, "generation": 9}}, media=merge)
    assert labelled["metadata"]["generation"] == 1
    changed = await api.call("PATCH", f"{PODS}/a", {"spec": {"activeDeadlineSeconds": None}}, media=merge)
    assert changed["metadata"]["generation"] == 1
    patch = {"spec": {"containers": [{"name": "c", "image": "other"}]}}
    changed = await api.call("PATCH", f"{PODS}/a", patch, media="application/strategic-merge-patch+json")
    assert changed["metadata"]["generation"] == 2


async def test_an_update_cannot_mark_an_object_deleted(api: Api) -> None:
    await api.create(MAPS, config_map("a"))
    body = config_map("a")
    body["metadata"]["deletionTimestamp"] = "2026-01-01T00:00:00Z"
    refused = await api.call("PUT", f"{MAPS}/a", body, status=422)
    assert refused["details"]["causes"] == [
        {
            "reason": "FieldValueInvalid",
            "message": 'Invalid value: "2026-01-01T00:00:00Z": field is immutable',
            "field": "metadata.deletionTimestamp",
        }
    ]


async def test_metadata_changes_through_status_too_but_for_a_pods_owners(api: Api) -> None:
    await api.create(PODS, pod("a"))
    owner = {"apiVersion": "v1", "kind": "Node", "name": "n", "uid": "u"}
    patch = {"metadata": {"finalizers": ["example.com/f"], "ownerReferences": [owner]}, "spec": {"hostname": "h"}}
    changed = await api.call("PATCH", f"{PODS}/a/status", patch, media="application/merge-patch+json")
    assert changed["metadata"]["finalizers"] == ["example.com/f"]
    assert "ownerReferences" not in changed["metadata"]
    assert "hostname" not in changed["spec"]


async def test_an_update_says_its_name(api: Api) -> None:
    await api.create(MAPS, config_map("a"))
    refused = await api.call("PUT", f"{MAPS}/a", {"metadata": {}}, status=400)
    assert refused["message"] == "the name of the object (a based on URL) was undeterminable: name must be provided"
    body = config_map("a")
    body["metadata"]["namespace"] = "other"
    refused = await api.call("PUT", f"{MAPS}/a", body, status=400)
    assert refused["message"] == OTHER_NAMESPACE
    patch = {"metadata": {"namespace": "other"}}
    refused = await api.call("PATCH", f"{MAPS}/a", patch, media="application/merge-patch+json", status=400)
    assert refused["message"] == OTHER_NAMESPACE


async def test_saying_the_same_in_another_order_is_no_change(api: Api) -> None:
    made = await api.create(PODS, pod("a", labels={"x": "1", "y": "2"}))

    def reordered(value: object) -> object:
        if isinstance(value, dict):
            return {key: reordered(value[key]) for key in reversed(value)}
        return [reordered(item) for item in value] if isinstance(value, list) else value

    again = await api.call("PUT", f"{PODS}/a", reordered(made))
    assert again["metadata"]["resourceVersion"] == made["metadata"]["resourceVersion"]
