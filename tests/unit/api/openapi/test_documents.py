"""The OpenAPI documents hold what kubectl looks for in them."""

import json
from collections.abc import Iterator
from typing import Any

import pytest

from podbay.api import openapi
from podbay.api.resources import RESOURCES, Resource


def v3(path: str) -> dict[str, Any]:
    document = openapi.v3_document(path)
    assert document is not None
    found = json.loads(document[1])
    assert isinstance(found, dict)
    return found


def path_of(resource: Resource) -> str:
    return f"apis/{resource.api_version}" if resource.group else f"api/{resource.version}"


def operations(document: dict[str, Any]) -> Iterator[tuple[str, str, dict[str, Any]]]:
    for path, item in document["paths"].items():
        for method, operation in item.items():
            if method != "parameters":
                yield path, method, operation


def references(value: Any) -> Iterator[str]:
    if isinstance(value, dict):
        if isinstance(value.get("$ref"), str):
            yield value["$ref"]
        for child in value.values():
            yield from references(child)
    elif isinstance(value, list):
        for child in value:
            yield from references(child)


ids = [f"{r.api_version}.{r.kind}" for r in RESOURCES]
DOCUMENTS = (
    "api/v1",
    "apis/coordination.k8s.io/v1",
    "apis/events.k8s.io/v1",
    "apis/authentication.k8s.io/v1",
    "apis/node.k8s.io/v1",
    "apis/policy/v1",
    "apis/scheduling.k8s.io/v1",
    "apis/storage.k8s.io/v1",
)


def test_the_index_has_a_document_and_a_hash_for_every_group_version() -> None:
    index = openapi.v3_index()
    assert tuple(index) == DOCUMENTS
    assert len(set(index.values())) == len(index)
    assert openapi.v3_document("apis/apps/v1") is None


@pytest.mark.parametrize("path", DOCUMENTS)
def test_a_document_has_every_definition_that_it_refers_to(path: str) -> None:
    document = v3(path)
    names = {f"#/components/schemas/{name}" for name in document["components"]["schemas"]}
    assert set(references(document)) <= names


@pytest.mark.parametrize("resource", RESOURCES, ids=ids)
def test_a_kind_is_found_by_its_path_and_has_a_described_schema(resource: Resource) -> None:
    document = v3(path_of(resource))
    gvk = {"group": resource.group, "version": resource.version, "kind": resource.kind}
    middle = "/namespaces/{namespace}" if resource.namespaced else ""
    collection = document["paths"][f"/{path_of(resource)}{middle}/{resource.plural}"]
    assert collection["post"]["x-kubernetes-group-version-kind"] == gvk
    (schema,) = (
        s for s in document["components"]["schemas"].values() if gvk in s.get("x-kubernetes-group-version-kind", ())
    )
    assert schema["description"]
    assert schema["properties"]["metadata"]["allOf"][0]["$ref"].endswith(".ObjectMeta")


@pytest.mark.parametrize("resource", [r for r in RESOURCES if "patch" in r.verbs], ids=lambda r: r.group_resource)
def test_a_patch_tells_kubectl_that_fields_are_validated_and_how_to_patch(resource: Resource) -> None:
    middle = "/namespaces/{namespace}" if resource.namespaced else ""
    patch = v3(path_of(resource))["paths"][f"/{path_of(resource)}{middle}/{resource.plural}/{{name}}"]["patch"]
    assert {"fieldValidation", "fieldManager", "dryRun"} <= {p["name"] for p in patch["parameters"]}
    assert set(patch["requestBody"]["content"]) == {
        "application/json-patch+json",
        "application/merge-patch+json",
        "application/strategic-merge-patch+json",
    }
    assert patch["x-kubernetes-action"] == "patch"


def test_subresources_have_their_own_kind_and_action() -> None:
    paths = v3("api/v1")["paths"]
    pod = "/api/v1/namespaces/{namespace}/pods/{name}"
    assert paths[f"{pod}/exec"]["post"]["x-kubernetes-action"] == "connect"
    assert paths[f"{pod}/exec"]["get"]["x-kubernetes-group-version-kind"]["kind"] == "PodExecOptions"
    assert "command" in [p["name"] for p in paths[f"{pod}/exec"]["get"]["parameters"]]
    assert paths[f"{pod}/binding"]["post"]["operationId"] == "createCoreV1NamespacedPodBinding"
    assert paths[f"{pod}/log"]["get"]["responses"]["200"]["content"] == {"text/plain": {"schema": {"type": "string"}}}
    assert paths[f"{pod}/resize"]["patch"]["operationId"] == "patchCoreV1NamespacedPodResize"
    assert set(paths[f"{pod}/resize"]) == {"get", "put", "patch", "parameters"}
    assert set(paths["/api/v1/nodes/{name}/status"]) == {"get", "put", "patch", "parameters"}


@pytest.mark.parametrize("path", DOCUMENTS)
def test_operations_have_names_of_their_own(path: str) -> None:
    names = [operation["operationId"] for _, _, operation in operations(v3(path))]
    assert len(names) == len(set(names))


def test_operations_are_named_as_upstream_names_them() -> None:
    paths = v3("api/v1")["paths"]
    pods = paths["/api/v1/namespaces/{namespace}/pods"]
    assert pods["get"]["operationId"] == "listCoreV1NamespacedPod"
    assert pods["delete"]["operationId"] == "deleteCoreV1CollectionNamespacedPod"
    assert paths["/api/v1/pods"]["get"]["operationId"] == "listCoreV1PodForAllNamespaces"
    assert paths["/api/v1/nodes/{name}"]["get"]["operationId"] == "readCoreV1Node"


def test_fields_tell_how_lists_merge_and_which_values_they_have() -> None:
    schemas = v3("api/v1")["components"]["schemas"]
    containers = schemas["io.k8s.api.core.v1.PodSpec"]["properties"]["containers"]
    assert (containers["x-kubernetes-patch-merge-key"], containers["x-kubernetes-patch-strategy"]) == ("name", "merge")
    policy = schemas["io.k8s.api.core.v1.PodSpec"]["properties"]["restartPolicy"]
    assert policy["enum"] == ["Always", "Never", "OnFailure"]
    assert policy["description"].endswith('\n\nPossible enum values:\n - `"Always"`\n - `"Never"`\n - `"OnFailure"`')
    pod = schemas["io.k8s.api.core.v1.Pod"]["properties"]
    assert "enum" not in pod["kind"]
    assert pod["kind"]["type"] == "string"
    quantity = schemas["io.k8s.apimachinery.pkg.api.resource.Quantity"]
    assert {part["type"] for part in quantity["oneOf"]} == {"string", "number"}


def test_the_second_version_as_json_is_whole_and_of_its_own_form() -> None:
    document = json.loads(openapi.v2_document())
    assert document["swagger"] == "2.0"
    names = {f"#/definitions/{name}" for name in document["definitions"]}
    assert set(references(document)) <= names
    assert not any("allOf" in text or "oneOf" in text for text in (json.dumps(document["definitions"]),))
    create = document["paths"]["/api/v1/namespaces/{namespace}/pods"]["post"]
    (body,) = (p for p in create["parameters"] if p["in"] == "body")
    assert body["schema"] == {"$ref": "#/definitions/io.k8s.api.core.v1.Pod"}
    assert create["responses"]["201"]["schema"] == {"$ref": "#/definitions/io.k8s.api.core.v1.Pod"}
    assert all("requestBody" not in operation for _, _, operation in operations(document))


def fields(data: bytes) -> Iterator[tuple[int, bytes]]:
    position = 0

    def varint() -> int:
        nonlocal position
        value = shift = 0
        while True:
            byte = data[position]
            position += 1
            value |= (byte & 0x7F) << shift
            shift += 7
            if byte < 0x80:
                return value

    while position < len(data):
        tag = varint()
        assert tag & 7 == 2
        length = varint()
        yield tag >> 3, data[position : position + length]
        position += length


def at(data: bytes, *numbers: int) -> list[bytes]:
    found = [data]
    for number in numbers:
        found = [value for one in found for tag, value in fields(one) if tag == number]
    return found


def test_the_second_version_as_protobuf_tells_which_kinds_are_validated() -> None:
    document = openapi.v2_protobuf()
    assert at(document, 1) == [b"2.0"]
    assert at(document, 2, 1) == [b"Kubernetes"]
    told = {}
    for item in at(document, 8, 2):
        (path,) = at(item, 1)
        _, gvk = at(item, 2, 8, 13, 2, 2)
        assert at(item, 2, 8, 13, 1) == [b"x-kubernetes-action", b"x-kubernetes-group-version-kind"]
        assert b"fieldValidation" in at(item, 2, 8, 8, 1, 2, 3, 4)
        told[path.decode()] = json.loads(gvk)
    for resource in RESOURCES:
        middle = "/namespaces/{namespace}" if resource.namespaced else ""
        gvk_of_path = told.get(f"/{path_of(resource)}{middle}/{resource.plural}/{{name}}")
        wanted = {"group": resource.group, "kind": resource.kind, "version": resource.version}
        assert gvk_of_path == (wanted if "patch" in resource.verbs else None)


def test_the_second_version_as_protobuf_has_the_definitions_that_the_json_has() -> None:
    definitions = json.loads(openapi.v2_document())["definitions"]
    found = dict(zip(at(openapi.v2_protobuf(), 9, 1, 1), at(openapi.v2_protobuf(), 9, 1, 2), strict=True))
    assert [name.decode() for name in found] == list(definitions)
    spec = found[b"io.k8s.api.core.v1.PodSpec"]
    properties = dict(zip(at(spec, 25, 1, 1), at(spec, 25, 1, 2), strict=True))
    assert at(spec, 19) == [b"containers"]
    containers = properties[b"containers"]
    assert at(containers, 22, 1) == [b"array"]
    assert at(containers, 23, 1, 1) == [b"#/definitions/io.k8s.api.core.v1.Container"]
    extensions = dict(zip(at(containers, 31, 1), at(containers, 31, 2, 2), strict=True))
    assert extensions[b"x-kubernetes-patch-merge-key"] == b'"name"'
    assert at(properties[b"nodeSelector"], 21, 1, 22, 1) == [b"string"]
    assert at(properties[b"restartPolicy"], 20, 2) == [b'"Always"', b'"Never"', b'"OnFailure"']
