"""What must hold of patches whatever the objects are."""

from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from podbay.api.patch import (
    merge_patch,
    strategic_merge_patch,
    three_way_merge,
    three_way_strategic,
    two_way_merge,
    two_way_strategic,
)
from podbay.api.schema import definition

POD = definition("v1", "Pod")
NAMES = st.sampled_from("abcde")
TEXTS = st.sampled_from(["1", "2", "3"])
LABELS = st.dictionaries(NAMES, TEXTS, max_size=3)


def unique(items: st.SearchStrategy[Any], key: str, most: int = 4) -> st.SearchStrategy[list[Any]]:
    return st.lists(items, min_size=1, max_size=most, unique_by=lambda item: item[key])


ENV = unique(st.fixed_dictionaries({"name": NAMES}, optional={"value": TEXTS}), "name")
PORTS = unique(st.fixed_dictionaries({"containerPort": st.integers(1, 4)}, optional={"name": TEXTS}), "containerPort")
CONTAINERS = unique(
    st.fixed_dictionaries(
        {"name": NAMES},
        optional={"image": TEXTS, "command": st.lists(TEXTS, min_size=1, max_size=2), "env": ENV, "ports": PORTS},
    ),
    "name",
)
VOLUMES = unique(
    st.one_of(
        st.fixed_dictionaries({"name": NAMES, "emptyDir": st.fixed_dictionaries({}, optional={"medium": TEXTS})}),
        st.fixed_dictionaries({"name": NAMES, "hostPath": st.fixed_dictionaries({"path": TEXTS})}),
    ),
    "name",
)
PODS = st.fixed_dictionaries(
    {
        "metadata": st.fixed_dictionaries(
            {"name": st.just("p")},
            optional={
                "labels": LABELS,
                "finalizers": st.lists(NAMES, min_size=1, max_size=3, unique=True),
            },
        ),
        "spec": st.fixed_dictionaries(
            {"containers": CONTAINERS}, optional={"volumes": VOLUMES, "nodeSelector": LABELS, "hostname": TEXTS}
        ),
    }
)
JSON = st.recursive(
    st.one_of(st.booleans(), st.integers(0, 2), TEXTS),
    lambda inner: st.one_of(st.lists(inner, max_size=2), st.dictionaries(NAMES, inner, max_size=3)),
    max_leaves=8,
)
DOCUMENTS = st.dictionaries(NAMES, JSON, max_size=4)


@given(one=PODS, other=PODS)
@settings(max_examples=300, deadline=None)
def test_the_strategic_difference_leads_from_one_pod_to_the_other(one: Any, other: Any) -> None:
    assert strategic_merge_patch(one, two_way_strategic(one, other, POD), POD) == other


@given(pod=PODS)
@settings(max_examples=50, deadline=None)
def test_there_is_no_difference_between_a_pod_and_itself(pod: Any) -> None:
    assert two_way_strategic(pod, pod, POD) == {}
    assert three_way_strategic(pod, pod, pod, POD) == {}


@given(said=PODS, now_said=PODS)
@settings(max_examples=300, deadline=None)
def test_applying_to_what_was_said_gives_what_is_said(said: Any, now_said: Any) -> None:
    patch = three_way_strategic(said, now_said, said, POD)
    assert strategic_merge_patch(said, patch, POD) == now_said


@given(said=PODS, now_said=PODS, current=PODS)
@settings(max_examples=300, deadline=None)
def test_after_an_apply_everything_said_is_there_and_a_second_one_changes_nothing(
    said: Any, now_said: Any, current: Any
) -> None:
    result = strategic_merge_patch(current, three_way_strategic(said, now_said, current, POD), POD)
    names = {container["name"]: container for container in result["spec"]["containers"]}
    for container in now_said["spec"]["containers"]:
        assert (
            container.items()
            <= {
                **names[container["name"]],
                **{field: container[field] for field in ("env", "ports") if field in container},
            }.items()
        )
    gone = {c["name"] for c in said["spec"]["containers"]} - {c["name"] for c in now_said["spec"]["containers"]}
    assert not gone & names.keys()
    again = three_way_strategic(now_said, now_said, result, POD)
    assert strategic_merge_patch(result, again, POD) == result


@given(one=DOCUMENTS, other=DOCUMENTS)
@settings(max_examples=200, deadline=None)
def test_the_merge_difference_leads_from_one_document_to_the_other(one: Any, other: Any) -> None:
    assert merge_patch(one, two_way_merge(one, other)) == other
    assert three_way_merge(one, one, one) == {}
