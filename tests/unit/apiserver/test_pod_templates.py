"""Pod templates through the API: made, shown, changed, counted by generations, and removed."""

from typing import Any

from tests.unit.apiserver.support import Api

TEMPLATES = "/api/v1/namespaces/default/podtemplates"
MERGE = "application/merge-patch+json"
TABLE = "application/json;as=Table;v=v1;g=meta.k8s.io"


def template(name: str, **spec: Any) -> dict[str, Any]:
    containers = [{"name": "c", "image": "i"}, {"name": "d", "image": "j:1"}]
    return {
        "metadata": {"name": name, "labels": {"set": "s"}},
        "template": {"metadata": {"labels": {"b": "2", "a": "1"}}, "spec": {"containers": containers, **spec}},
    }


async def test_a_generation_counts_the_changes_of_what_the_pods_would_be(api: Api) -> None:
    made = await api.create(TEMPLATES, template("t"))
    assert (made["kind"], made["metadata"]["generation"]) == ("PodTemplate", 1)
    labelled = await api.call("PATCH", f"{TEMPLATES}/t", {"metadata": {"labels": {"x": "y"}}}, media=MERGE)
    assert labelled["metadata"]["generation"] == 1
    changed = await api.call("PATCH", f"{TEMPLATES}/t", {"template": {"spec": {"hostname": "h"}}}, media=MERGE)
    assert changed["metadata"]["generation"] == 2
    made["template"]["spec"]["hostname"] = "h"
    del made["metadata"]["resourceVersion"]
    assert (await api.call("PUT", f"{TEMPLATES}/t", made))["metadata"]["generation"] == 2


async def test_a_table_has_containers_images_and_the_pods_labels(api: Api) -> None:
    await api.create(TEMPLATES, template("t"))
    table = await api.call("GET", TEMPLATES, accept=TABLE)
    assert [column["name"] for column in table["columnDefinitions"]] == ["Name", "Containers", "Images", "Pod Labels"]
    assert table["rows"][0]["cells"] == ["t", "c,d", "i,j:1", "a=1,b=2"]


async def test_what_is_removed_is_shown_once_more_and_a_collection_by_its_labels(api: Api) -> None:
    for name in ("t", "u", "v"):
        await api.create(TEMPLATES, template(name))
    assert (await api.call("DELETE", f"{TEMPLATES}/t"))["metadata"]["name"] == "t"
    assert len((await api.call("GET", f"{TEMPLATES}?labelSelector=set%3Ds"))["items"]) == 2
    await api.call("DELETE", f"{TEMPLATES}?labelSelector=set%3Ds")
    assert (await api.call("GET", "/api/v1/podtemplates"))["items"] == []


async def test_a_template_is_warned_of_as_its_pods_would_be(api: Api) -> None:
    odd = template("t.with.dots", terminationGracePeriodSeconds=-1)
    answer = await api.send("POST", TEMPLATES, odd)
    text = "must be >= 0; negative values are invalid and will be treated as 1"
    expected = [f'299 - "template.spec.terminationGracePeriodSeconds: {text}"']
    assert [value for name, value in answer.headers if name == "Warning"] == expected
    same = await api.send("PATCH", f"{TEMPLATES}/t.with.dots", {"metadata": {"labels": {"x": "y"}}}, media=MERGE)
    assert [value for name, value in same.headers if name == "Warning"] == []
    other = await api.send("PATCH", f"{TEMPLATES}/t.with.dots", {"template": {"spec": {"hostname": "h"}}}, media=MERGE)
    assert [value for name, value in other.headers if name == "Warning"] == expected
