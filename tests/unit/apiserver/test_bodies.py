"""Bodies that cannot be taken: each refusal in upstream's words."""

import pytest

from podbay.api.resources import LEASES
from tests.unit.apiserver.support import MAPS, Api, config_map


@pytest.mark.parametrize(
    ("body", "message"),
    [
        (b"xx", "invalid character 'x' looking for beginning of value (7878)"),
        (b"", "unexpected end of JSON input (<empty>)"),
        (b'{"a"', 'unexpected end of JSON input ({"a")'),
        (b"[1]", "json: cannot unmarshal array into Go value of type struct (5b315d)"),
        (b'{"kind":1}', 'json: cannot unmarshal number into Go struct field .kind of type string ({"kind":1})'),
    ],
)
async def test_what_has_no_kind_is_unrecognized(api: Api, body: bytes, message: str) -> None:
    refused = await api.call("POST", MAPS, body, status=400)
    start = (
        "the object provided is unrecognized (must be of type ConfigMap): couldn't get version/kind; json parse error: "
    )
    assert refused["message"] == start + message


async def test_a_body_of_yaml_tells_line_and_column(api: Api) -> None:
    refused = await api.call("POST", MAPS, b"a: b\n c: d\n", media="application/yaml", status=400)
    assert "yaml: line 2, column 3: mapping values are not allowed in this context" in refused["message"]


@pytest.mark.parametrize(
    ("version", "kind", "message"),
    [
        ("v1", "Pod", "converting (v1.Pod) to (core.ConfigMap): unknown conversion"),
        ("v1", "Foo", 'no kind "Foo" is registered for version "v1" in scheme'),
        ("v2", "ConfigMap", 'no kind "ConfigMap" is registered for version "v2" in scheme'),
    ],
)
async def test_another_kind_is_refused(api: Api, version: str, kind: str, message: str) -> None:
    body = config_map("a") | {"apiVersion": version, "kind": kind}
    refused = await api.call("POST", MAPS, body, status=400)
    assert refused["message"] == f'{kind} in version "{version}" cannot be handled as a ConfigMap: {message}'


async def test_a_version_is_told_without_its_group(api: Api) -> None:
    lease = {"metadata": {"name": "l"}, "spec": {"holderIdentity": 5}}
    path = f"/apis/{LEASES.api_version}/namespaces/default/leases"
    refused = await api.call("POST", path, lease, status=400)
    assert refused["message"] == (
        'Lease in version "v1" cannot be handled as a Lease: json: cannot unmarshal number into Go struct field'
        " LeaseSpec.spec.holderIdentity of type string"
    )


async def test_an_event_of_the_other_version_is_refused(api: Api) -> None:
    event = {"apiVersion": "events.k8s.io/v1", "kind": "Event", "metadata": {"name": "e"}}
    refused = await api.call("POST", "/api/v1/namespaces/default/events", event, status=400)
    assert refused["message"] == (
        "the API version in the data (events.k8s.io/v1) does not match the expected API version (v1)"
    )


@pytest.mark.parametrize("media", ["text/plain", "*/*", "application/x-www-form-urlencoded"])
async def test_other_media_are_not_supported(api: Api, media: str) -> None:
    refused = await api.call("POST", MAPS, config_map("a"), media=media, status=415)
    assert refused["reason"] == "UnsupportedMediaType"
    assert refused["message"].endswith("application/json, application/yaml, application/vnd.kubernetes.protobuf")


async def test_what_yaml_says_twice_is_told_by_its_line(api: Api) -> None:
    body = b"metadata:\n  name: a\n  name: b\ndata: {k: v, k: w}\nextra: 1\n"
    refused = await api.call("POST", f"{MAPS}?fieldValidation=Strict", body, media="application/yaml", status=400)
    assert refused["message"] == (
        'ConfigMap in version "v1" cannot be handled as a ConfigMap: strict decoding error: yaml: unmarshal errors:\n'
        '  line 3: key "name" already set in map\n  line 4: key "k" already set in map, unknown field "extra"'
    )
    warned = await api.send("POST", MAPS, body, media="application/yaml")
    assert warned.status == 201
    assert len([name for name, _ in warned.headers if name == "Warning"]) == 3


async def test_a_version_on_something_new_is_refused(api: Api) -> None:
    body = config_map("a")
    body["metadata"]["resourceVersion"] = "5"
    refused = await api.call("POST", MAPS, body, status=500)
    assert refused["message"] == "resourceVersion should not be set on objects to be created"
    body["metadata"]["resourceVersion"] = "0"
    await api.create(MAPS, body)
