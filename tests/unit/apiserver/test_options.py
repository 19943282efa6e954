"""Options of requests: what upstream refuses, in its words."""

import pytest

from tests.unit.apiserver.support import MAPS, PODS, Api, config_map


@pytest.mark.parametrize(
    ("query", "kind", "causes"),
    [
        ("dryRun=x", "CreateOptions", ['dryRun: Unsupported value: ["x"]: supported values: "All"']),
        (
            "fieldValidation=x",
            "CreateOptions",
            ['fieldValidation: Unsupported value: "x": supported values: "", "Ignore", "Strict", "Warn"'],
        ),
        (f"fieldManager={'m' * 129}", "CreateOptions", ["fieldManager: Too long: may not be more than 128 bytes"]),
    ],
)
async def test_options_of_a_creation_are_checked(api: Api, query: str, kind: str, causes: list[str]) -> None:
    refused = await api.call("POST", f"{MAPS}?{query}", config_map("a"), status=422)
    assert refused["message"] == f'{kind}.meta.k8s.io "" is invalid: {causes[0]}'
    assert refused["details"]["group"] == "meta.k8s.io"
    assert refused["details"]["kind"] == kind
    await api.call("GET", f"{MAPS}/a", status=404)


async def test_an_apply_is_refused_for_what_it_is(api: Api) -> None:
    query = "?fieldManager=kubectl&fieldValidation=Strict&force=false"
    refused = await api.call("PATCH", f"{MAPS}/a{query}", {}, media="application/apply-patch+yaml", status=415)
    assert refused["message"] == (
        "the body of the request was in an unknown format - accepted media types include: application/json-patch+json,"
        " application/merge-patch+json, application/strategic-merge-patch+json"
    )


async def test_a_patch_that_is_no_apply_cannot_be_forced(api: Api) -> None:
    await api.create(MAPS, config_map("a"))
    refused = await api.call(
        "PATCH", f"{MAPS}/a?force=true", {"data": {"k": "v"}}, media="application/merge-patch+json", status=422
    )
    assert refused["message"] == (
        'PatchOptions.meta.k8s.io "" is invalid: force: Forbidden: may not be specified for non-apply patch'
    )


@pytest.mark.parametrize(
    ("query", "causes"),
    [
        (
            "resourceVersionMatch=Foo",
            [
                "Forbidden: resourceVersionMatch is forbidden unless resourceVersion is provided",
                'Unsupported value: "Foo": supported values: "Exact", "NotOlderThan", ""',
            ],
        ),
        (
            "resourceVersionMatch=Exact&resourceVersion=0&continue=x",
            [
                "Forbidden: resourceVersionMatch is forbidden when continue is provided",
                'Forbidden: resourceVersionMatch "exact" is forbidden for resourceVersion "0"',
            ],
        ),
        ("sendInitialEvents=false", ["Forbidden: sendInitialEvents is forbidden for list"]),
        (
            "watch=1&sendInitialEvents=true",
            ["Forbidden: sendInitialEvents requires setting resourceVersionMatch to NotOlderThan"],
        ),
        (
            "watch=1&resourceVersionMatch=Exact&resourceVersion=1",
            [
                "Forbidden: resourceVersionMatch is forbidden for watch unless sendInitialEvents is provided",
                'Unsupported value: "Exact": supported values: "NotOlderThan"',
            ],
        ),
    ],
)
async def test_options_of_a_list_tell_every_cause(api: Api, query: str, causes: list[str]) -> None:
    refused = await api.call("GET", f"{PODS}?{query}", status=422)
    assert [cause["message"] for cause in refused["details"]["causes"]] == causes
    assert refused["details"]["kind"] == "ListOptions"


@pytest.mark.parametrize(
    ("path", "message"),
    [
        ("?limit=x", 'strconv.ParseInt: parsing "x": invalid syntax'),
        ("?watch=1&timeoutSeconds=1_0", 'strconv.ParseInt: parsing "1_0": invalid syntax'),
        (
            "?resourceVersion=x",
            'invalid resource version: resourceVersion: Invalid value: "x": strconv.ParseUint: parsing "x": invalid',
        ),
        ("?continue=x", "invalid continue token: continue key is not valid: "),
        (
            "?continue=eyJ2IjoidjAiLCJydiI6MSwic3RhcnQiOiJhIn0",
            "invalid continue token: continue key is not valid: server does not recognize this encoded version v0",
        ),
        (
            "?continue=eyJ2IjoibWV0YS5rOHMuaW8vdjEiLCJydiI6MCwic3RhcnQiOiJhIn0",
            "invalid continue token: continue key is not valid: incorrect encoded start resourceVersion",
        ),
        (
            "?continue=eyJ2IjoibWV0YS5rOHMuaW8vdjEiLCJydiI6MSwic3RhcnQiOiIuLi9zZWNyZXRzLyJ9",
            "invalid continue token: continue key is not valid: ../secrets/",
        ),
        (
            "?continue=eyJ2IjoibWV0YS5rOHMuaW8vdjEiLCJydiI6MSwic3RhcnQiOiJhIn0&resourceVersion=3",
            "specifying resource version is not allowed when using continue",
        ),
        ("/a%25b", "Name parameter invalid: \"a%b\": may not contain '%'"),
        ("/..", "Name parameter invalid: \"..\": may not be '..'"),
    ],
)
async def test_what_cannot_be_read_is_a_bad_request(api: Api, path: str, message: str) -> None:
    refused = await api.call("GET", PODS + path, status=400)
    assert refused["message"].startswith(message)
    assert refused["reason"] == "BadRequest"


async def test_an_escaped_slash_is_a_slash(api: Api) -> None:
    await api.call("GET", f"{PODS}/a%2Fb", status=404)
    assert (await api.call("GET", "/api%2Fv1%2Fpods"))["kind"] == "PodList"


async def test_a_table_of_something_unheard_of_is_refused(api: Api) -> None:
    table = "application/json;as=Table;v=v1;g=meta.k8s.io"
    refused = await api.call("GET", f"{PODS}?includeObject=All", accept=table, status=400)
    assert refused["message"].startswith('Unable to convert to Table as requested: includeObject: Invalid value: "All"')
    await api.call("GET", f"{PODS}?includeObject=All")  # nobody asked for a Table


@pytest.mark.parametrize(
    ("body", "message"),
    [
        (
            {"propagationPolicy": "x"},
            'propagationPolicy: Unsupported value: "x": supported values: "Foreground", "Background", "Orphan", "nil"',
        ),
        (
            {"propagationPolicy": "Orphan", "orphanDependents": True},
            'propagationPolicy: Invalid value: "Orphan": orphanDependents and deletionPropagation cannot be both set',
        ),
        ({"dryRun": ["x"]}, 'dryRun: Unsupported value: ["x"]: supported values: "All"'),
    ],
)
async def test_options_of_a_deletion_are_checked(api: Api, body: object, message: str) -> None:
    await api.create(MAPS, config_map("a"))
    refused = await api.call("DELETE", f"{MAPS}/a", body, status=422)
    assert refused["message"] == f'DeleteOptions.meta.k8s.io "" is invalid: {message}'
    await api.call("GET", f"{MAPS}/a")


async def test_options_of_a_deletion_come_in_the_query_too(api: Api) -> None:
    await api.create(MAPS, config_map("a"))
    both = f"{MAPS}/a?orphanDependents=false&propagationPolicy=Background"
    assert "cannot be both set" in (await api.call("DELETE", both, status=422))["message"]
    await api.call("DELETE", f"{MAPS}/a?dryRun=All")
    await api.call("DELETE", f"{MAPS}/a?orphanDependents=false")
    await api.call("GET", f"{MAPS}/a", status=404)


@pytest.mark.parametrize(
    ("query", "message"),
    [
        ("labelSelector=a=b=c", "found '=', expected: ',' or 'end of string'"),
        ("fieldSelector=x%3Dy", "field label not supported: x"),
        ("fieldSelector=metadata.name", "invalid selector: 'metadata.name'; can't understand 'metadata.name'"),
    ],
)
async def test_a_selector_that_is_none_is_told_as_it_is(api: Api, query: str, message: str) -> None:
    assert (await api.call("GET", f"{PODS}?{query}", status=400))["message"] == message


async def test_a_path_with_an_empty_part_leads_nowhere(api: Api) -> None:
    for path in ("/api/v1/namespaces//pods", "/api/v1//pods", "/apis//v1/leases", f"{PODS}//x"):
        await api.call("GET", path, status=404)
