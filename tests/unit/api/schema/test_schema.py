"""Definitions of the served kinds, with what patches and lists need to know."""

import pytest

from podbay.api import schema
from podbay.api.resources import RESOURCES, Resource
from podbay.api.schema import Definition, FieldSchema


def field(path: str, kind: str = "Pod") -> FieldSchema:
    definition: Definition | None = schema.definition("v1", kind)
    found: FieldSchema | None = None
    for name in path.split("."):
        assert definition is not None
        found = definition.field(name)
        assert found is not None, name
        definition = found.definition or (found.items.definition if found.items else None)
    assert found is not None
    return found


@pytest.mark.parametrize("resource", RESOURCES, ids=lambda r: f"{r.api_version}.{r.kind}")
def test_every_served_kind_has_a_definition(resource: Resource) -> None:
    definition = schema.definition(resource.api_version, resource.kind)
    assert {"apiVersion", "kind", "metadata"} <= set(definition.fields)


def test_a_kind_that_is_not_served_has_none() -> None:
    with pytest.raises(schema.UnknownKind):
        schema.definition("apps/v1", "Deployment")


@pytest.mark.parametrize(
    ("path", "strategies", "merge_key"),
    [
        ("spec.containers", ("merge",), "name"),
        ("spec.containers.env", ("merge",), "name"),
        ("spec.containers.ports", ("merge",), "containerPort"),
        ("spec.containers.volumeMounts", ("merge",), "mountPath"),
        ("spec.containers.command", (), ""),
        ("spec.volumes", ("merge", "retainKeys"), "name"),
        ("spec.tolerations", (), ""),
        ("spec.imagePullSecrets", ("merge",), "name"),
        ("spec.hostAliases", ("merge",), "ip"),
        ("spec.topologySpreadConstraints", ("merge",), "topologyKey"),
        ("metadata.finalizers", ("merge",), ""),
        ("metadata.ownerReferences", ("merge",), "uid"),
        ("status.conditions", ("merge",), "type"),
    ],
)
def test_lists_merge_by_upstreams_keys(path: str, strategies: tuple[str, ...], merge_key: str) -> None:
    assert (field(path).patch_strategies, field(path).patch_merge_key) == (strategies, merge_key)


def test_lists_tell_their_type_and_keys() -> None:
    assert (field("spec.containers").list_type, field("spec.containers").list_map_keys) == ("map", ("name",))
    assert field("spec.containers.ports").list_map_keys == ("containerPort", "protocol")
    assert field("spec.containers.command").list_type == "atomic"
    assert field("metadata.finalizers").list_type == "set"


@pytest.mark.parametrize(
    ("path", "kind", "go"),
    [
        ("metadata.labels", "map", "map[string]string"),
        ("metadata.creationTimestamp", "time", "v1.Time"),
        ("spec.containers", "array", "[]v1.Container"),
        ("spec.restartPolicy", "string", "v1.RestartPolicy"),
        ("spec.containers.resources", "object", "v1.ResourceRequirements"),
        ("spec.containers.resources.limits", "map", "v1.ResourceList"),
        ("spec.containers.ports.containerPort", "integer", "int32"),
        ("spec.terminationGracePeriodSeconds", "integer", "int64"),
        ("spec.hostNetwork", "boolean", "bool"),
        ("spec.containers.livenessProbe.httpGet.port", "int-or-string", "intstr.IntOrString"),
        ("spec.containers.securityContext.procMount", "string", "v1.ProcMountType"),
    ],
)
def test_fields_tell_their_type_and_what_go_calls_it(path: str, kind: str, go: str) -> None:
    assert (field(path).type, field(path).go_type) == (kind, go)


def test_every_line_about_go_types_is_about_a_field_that_exists() -> None:
    names = {name for name in schema.structures() if name in schema._go_types()}
    assert names == set(schema._go_types())
    for name in names:
        assert set(schema._go_types()[name]) <= set(schema.structures()[name]["properties"])


def test_descriptions_are_kept_apart_from_what_is_always_in_memory() -> None:
    name = schema.definition("v1", "Pod").name
    assert "description" not in schema.structures()[name]
    assert schema.described()[name]["properties"]["spec"]["description"]
    assert set(schema.described()) == set(schema.structures())
