"""Binding: once, to a living pod, and the condition that tells it."""

from tests.unit.apiserver.support import PODS, Api, pod

BINDING = {"metadata": {"name": "web"}, "target": {"kind": "Node", "name": "n"}}


async def test_binding_sets_the_node_and_the_condition(api: Api) -> None:
    await api.create(PODS, pod("web"))
    status = await api.create(f"{PODS}/web/binding", BINDING)
    assert (status["status"], status["code"]) == ("Success", 201)
    bound = await api.call("GET", f"{PODS}/web")
    assert bound["spec"]["nodeName"] == "n"
    assert [(c["type"], c["status"]) for c in bound["status"]["conditions"]] == [("PodScheduled", "True")]


async def test_a_condition_that_was_false_is_turned_in_its_place(api: Api) -> None:
    await api.create(PODS, pod("web"))
    conditions = [{"type": "PodScheduled", "status": "False"}, {"type": "Ready", "status": "False"}]
    patch = {"status": {"conditions": conditions}}
    await api.call("PATCH", f"{PODS}/web/status", patch, media="application/merge-patch+json")
    await api.create(f"{PODS}/web/binding", BINDING)
    bound = await api.call("GET", f"{PODS}/web")
    assert [(c["type"], c["status"]) for c in bound["status"]["conditions"]] == [
        ("PodScheduled", "True"),
        ("Ready", "False"),
    ]


async def test_a_pod_is_bound_once(api: Api) -> None:
    await api.create(PODS, pod("web"))
    await api.create(f"{PODS}/web/binding", BINDING)
    refused = await api.call("POST", f"{PODS}/web/binding", BINDING, status=409)
    assert refused["message"].endswith('pod web is already assigned to node "n"')


async def test_another_pod_of_that_name_is_not_bound(api: Api) -> None:
    await api.create(PODS, pod("web"))
    other = {**BINDING, "metadata": {"name": "web", "uid": "other"}}
    await api.call("POST", f"{PODS}/web/binding", other, status=409)
    assert "nodeName" not in (await api.call("GET", f"{PODS}/web"))["spec"]


async def test_a_binding_names_its_pod_its_namespace_and_may_name_its_version(api: Api) -> None:
    made = await api.create(PODS, pod("a"))
    target = {"kind": "Node", "name": "n"}
    refused = await api.call("POST", f"{PODS}/a/binding", {"metadata": {}, "target": target}, status=400)
    assert refused["message"] == "name in URL does not match name in Binding object"
    body = {"metadata": {"name": "a", "namespace": "other"}, "target": target}
    refused = await api.call("POST", f"{PODS}/a/binding", body, status=400)
    assert "does not match the namespace sent on the request" in refused["message"]
    body = {"metadata": {"name": "a", "resourceVersion": "1"}, "target": target}
    refused = await api.call("POST", f"{PODS}/a/binding", body, status=409)
    assert "Precondition failed: ResourceVersion in precondition: 1" in refused["message"]
    body = {"metadata": {"name": "a", "resourceVersion": made["metadata"]["resourceVersion"]}, "target": target}
    await api.call("POST", f"{PODS}/a/binding", body, status=201)


async def test_an_ephemeral_container_counts_as_a_new_generation(api: Api) -> None:
    await api.create(PODS, pod("web"))
    added = {"spec": {"ephemeralContainers": [{"name": "e", "image": "i"}]}}
    media = "application/strategic-merge-patch+json"
    changed = await api.call("PATCH", f"{PODS}/web/ephemeralcontainers", added, media=media)
    assert changed["metadata"]["generation"] == 2
    again = await api.call("PATCH", f"{PODS}/web/ephemeralcontainers", added, media=media)
    assert again["metadata"]["generation"] == 2
