from typing import Any

import pytest

from podbay.api.patch import strategic_merge_patch, three_way_strategic, two_way_strategic
from podbay.api.schema import definition

POD = definition("v1", "Pod")


def pod(*containers: dict[str, Any], **spec: Any) -> dict[str, Any]:
    return {"metadata": {"name": "p"}, "spec": {"containers": list(containers), **spec}}


WEB = {"name": "web", "image": "web:1", "ports": [{"containerPort": 80}]}
LOG = {"name": "log", "image": "log:1"}


@pytest.mark.parametrize(
    ("one", "other", "patch"),
    [
        (pod(WEB), pod(WEB), {}),
        (
            pod(WEB, LOG),
            pod(WEB, LOG | {"image": "log:2"}),
            {
                "spec": {
                    "$setElementOrder/containers": [{"name": "web"}, {"name": "log"}],
                    "containers": [{"name": "log", "image": "log:2"}],
                }
            },
        ),
        (
            pod(WEB, LOG),
            pod(WEB),
            {
                "spec": {
                    "$setElementOrder/containers": [{"name": "web"}],
                    "containers": [{"name": "log", "$patch": "delete"}],
                }
            },
        ),
        (
            pod(WEB, LOG),
            pod(LOG, WEB),
            {"spec": {"$setElementOrder/containers": [{"name": "log"}, {"name": "web"}]}},
        ),
        (pod(WEB, nodeSelector={"a": "b"}), pod(WEB), {"spec": {"nodeSelector": None}}),
        (
            pod(WEB, volumes=[{"name": "v", "emptyDir": {}}]),
            pod(WEB, volumes=[{"name": "v", "hostPath": {"path": "/"}}]),
            {
                "spec": {
                    "$setElementOrder/volumes": [{"name": "v"}],
                    "volumes": [
                        {
                            "$retainKeys": ["hostPath", "name"],
                            "emptyDir": None,
                            "hostPath": {"path": "/"},
                            "name": "v",
                        }
                    ],
                }
            },
        ),
        (
            {"metadata": {"finalizers": ["a/a", "b/b"]}},
            {"metadata": {"finalizers": ["b/b", "c/c"]}},
            {
                "metadata": {
                    "finalizers": ["c/c"],
                    "$deleteFromPrimitiveList/finalizers": ["a/a"],
                    "$setElementOrder/finalizers": ["b/b", "c/c"],
                }
            },
        ),
    ],
)
def test_the_difference_is_what_upstream_sends_and_leads_there(
    one: dict[str, Any], other: dict[str, Any], patch: dict[str, Any]
) -> None:
    assert two_way_strategic(one, other, POD) == patch
    assert strategic_merge_patch(one, patch, POD) == other


def test_apply_keeps_what_the_server_added_and_removes_what_is_no_longer_said() -> None:
    original = pod(WEB, LOG, nodeSelector={"a": "b"})
    modified = pod(WEB | {"image": "web:2"})
    current = pod(
        WEB | {"imagePullPolicy": "Always", "ports": [{"containerPort": 80, "protocol": "TCP"}]},
        LOG | {"imagePullPolicy": "Always"},
        {"name": "injected", "image": "side:1"},
        nodeSelector={"a": "b"},
        restartPolicy="Always",
    )
    patch = three_way_strategic(original, modified, current, POD)
    assert patch == {
        "spec": {
            "$setElementOrder/containers": [{"name": "web"}],
            "containers": [{"name": "web", "image": "web:2"}, {"name": "log", "$patch": "delete"}],
            "nodeSelector": None,
        }
    }
    result = strategic_merge_patch(current, patch, POD)
    assert [container["name"] for container in result["spec"]["containers"]] == ["web", "injected"]
    assert result["spec"]["containers"][0] == {
        "name": "web",
        "image": "web:2",
        "imagePullPolicy": "Always",
        "ports": [{"containerPort": 80, "protocol": "TCP"}],
    }
    assert "nodeSelector" not in result["spec"]
    assert result["spec"]["restartPolicy"] == "Always"


def test_applying_the_same_again_is_no_change() -> None:
    current = pod(WEB | {"imagePullPolicy": "Always", "ports": [{"containerPort": 80, "protocol": "TCP"}]})
    assert three_way_strategic(pod(WEB), pod(WEB), current, POD) == {}


def test_labels_of_others_survive_an_apply() -> None:
    original = {"metadata": {"labels": {"mine": "1", "old": "1"}}}
    modified = {"metadata": {"labels": {"mine": "2"}}}
    current = {"metadata": {"labels": {"mine": "1", "old": "1", "theirs": "1"}}}
    patch = three_way_strategic(original, modified, current, POD)
    assert patch == {"metadata": {"labels": {"mine": "2", "old": None}}}
