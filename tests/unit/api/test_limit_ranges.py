"""What limit ranges give to containers, and what they refuse."""

from typing import Any

import pytest

from podbay.api.limit_ranges import ANNOTATION, aggregated, claim_problems, fill_in, pod_problems


def limit_range(**item: Any) -> dict[str, Any]:
    return {"metadata": {"name": "l", "namespace": "ns"}, "spec": {"limits": [{"type": "Container", **item}]}}


def pod(*containers: dict[str, Any], **spec: Any) -> dict[str, Any]:
    named = [{"name": f"c{i}", "resources": resources} for i, resources in enumerate(containers)]
    return {"metadata": {"name": "p"}, "spec": {"containers": named, **spec}}


def asking(requests: dict[str, str] | None = None, limits: dict[str, str] | None = None) -> dict[str, Any]:
    return {name: amounts for name, amounts in (("requests", requests), ("limits", limits)) if amounts}


def test_silence_is_filled_and_noted_on_the_pod() -> None:
    made = pod({}, asking({"cpu": "1"}), initContainers=[{"name": "i"}])
    limits = {"memory": "2Gi", "cpu": "2"}
    fill_in(limit_range(default=limits, defaultRequest={"memory": "1Gi", "cpu": "100m"}), made)
    first, second = (container["resources"] for container in made["spec"]["containers"])
    assert first == {"requests": {"memory": "1Gi", "cpu": "100m"}, "limits": limits}
    assert second == {"requests": {"cpu": "1", "memory": "1Gi"}, "limits": limits}
    assert made["spec"]["initContainers"][0]["resources"] == first
    assert made["metadata"]["annotations"] == {
        ANNOTATION: "LimitRanger plugin set: cpu, memory request for container c0; cpu, memory limit for container c0;"
        " memory request for container c1; cpu, memory limit for container c1;"
        " cpu, memory request for init container i; cpu, memory limit for init container i"
    }


def test_a_pod_that_lacks_nothing_stays_as_it_is() -> None:
    made = pod(asking({"cpu": "1"}, {"cpu": "1"}))
    fill_in(limit_range(default={"cpu": "2"}, defaultRequest={"cpu": "2"}), made)
    fill_in({"spec": {"limits": [{"type": "Pod", "max": {"cpu": "2"}}]}}, made)
    assert made == pod(asking({"cpu": "1"}, {"cpu": "1"}))


@pytest.mark.parametrize(
    ("item", "resources", "problems"),
    [
        ({"min": {"cpu": "1"}}, {}, ["minimum cpu usage per Container is 1.  No request is specified"]),
        (
            {"min": {"cpu": "1"}},
            asking({"cpu": "900m"}, {"cpu": "2"}),
            ["minimum cpu usage per Container is 1, but request is 900m"],
        ),
        (
            {"min": {"cpu": "1"}},
            asking({"cpu": "1"}, {"cpu": "100m"}),
            ["minimum cpu usage per Container is 1, but limit is 100m"],
        ),
        (
            {"max": {"memory": "1Gi"}},
            asking({"memory": "1Mi"}),
            ["maximum memory usage per Container is 1Gi.  No limit is specified"],
        ),
        (
            {"max": {"memory": "1Gi", "cpu": "1"}},
            asking(limits={"memory": "2Gi", "cpu": "1001m"}),
            [
                "maximum cpu usage per Container is 1, but limit is 1001m",
                "maximum memory usage per Container is 1Gi, but limit is 2Gi",
            ],
        ),
        (
            {"max": {"cpu": "1"}},
            asking({"cpu": "2"}, {"cpu": "1"}),
            ["maximum cpu usage per Container is 1, but request is 2"],
        ),
        (
            {"maxLimitRequestRatio": {"cpu": "2"}},
            asking(limits={"cpu": "1"}),
            ["cpu max limit to request ratio per Container is 2, but no request is specified or request is 0"],
        ),
        (
            {"maxLimitRequestRatio": {"cpu": "2"}},
            asking({"cpu": "1"}),
            ["cpu max limit to request ratio per Container is 2, but no limit is specified or limit is 0"],
        ),
        (
            {"maxLimitRequestRatio": {"cpu": "1500m"}},
            asking({"cpu": "300m"}, {"cpu": "500m"}),
            ["cpu max limit to request ratio per Container is 1500m, but provided ratio is 1.666667"],
        ),
        (
            {"min": {"cpu": "1"}, "max": {"cpu": "3"}, "maxLimitRequestRatio": {"cpu": "2"}},
            asking({"cpu": "1"}, {"cpu": "2"}),
            [],
        ),
    ],
)
def test_containers_are_held_to_their_limits(
    item: dict[str, Any], resources: dict[str, Any], problems: list[str]
) -> None:
    assert pod_problems(limit_range(**item), pod(resources)) == problems
    as_init = pod(initContainers=[{"name": "i", "resources": resources}])
    assert pod_problems(limit_range(**item), as_init) == problems


def test_pods_are_held_to_the_most_that_their_containers_ask_for_together() -> None:
    one = asking({"cpu": "600m"}, {"cpu": "1"})
    sidecar = {"name": "s", "restartPolicy": "Always", "resources": asking({"cpu": "500m"}, {"cpu": "500m"})}
    found = pod_problems(limit_range(type="Pod", max={"cpu": "2"}), pod(one, one, initContainers=[sidecar]))
    assert found == ["maximum cpu usage per Pod is 2, but limit is 2500m"]
    assert pod_problems(limit_range(type="Pod", max={"cpu": "2500m"}), pod(one, one, initContainers=[sidecar])) == []


def test_claims_are_held_to_what_they_request() -> None:
    def claim(amount: str) -> dict[str, Any]:
        return {"spec": {"resources": {"requests": {"storage": amount}}}}

    held = limit_range(type="PersistentVolumeClaim", min={"storage": "1Gi"}, max={"storage": "2Gi"})
    too_small = ["minimum storage usage per PersistentVolumeClaim is 1Gi, but request is 1Mi"]
    assert claim_problems(held, claim("1Mi")) == too_small
    too_big = ["maximum storage usage per PersistentVolumeClaim is 2Gi, but request is 3Gi"]
    assert claim_problems(held, claim("3Gi")) == too_big
    assert claim_problems(held, claim("2Gi")) == []
    other = limit_range(type="PersistentVolumeClaim", max={"example.com/iops": "1"})
    assert claim_problems(other, claim("1Gi")) == [
        "maximum example.com/iops usage per PersistentVolumeClaim is 1.  No request is specified"
    ]


def test_several_texts_are_one_list_and_each_is_there_once() -> None:
    assert aggregated(["a"]) == aggregated(["a", "a"]) == "a"
    assert aggregated(["a", "b", "a"]) == "[a, b]"
