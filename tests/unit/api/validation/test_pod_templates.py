import copy
from typing import Any

from podbay.api.defaults import set_defaults
from podbay.api.resources import POD_TEMPLATES
from podbay.api.validation import validate_create, validate_update
from tests.unit.api.validation.support import lines, stored


def template(metadata: dict[str, Any] | None = None, **spec: Any) -> dict[str, Any]:
    """Return a defaulted template whose pods have one container."""
    inner = {"metadata": metadata or {}, "spec": {"containers": [{"name": "c", "image": "i"}], **spec}}
    built = {"metadata": {"name": "web", "namespace": "default"}, "template": copy.deepcopy(inner)}
    set_defaults(POD_TEMPLATES, built)
    return built


def problems(obj: dict[str, Any]) -> list[str]:
    return lines(validate_create(POD_TEMPLATES, obj))


def test_a_template_says_what_its_pods_would() -> None:
    built = template(containers=[{"name": "c", "image": "i", "resources": {"limits": {"cpu": "1"}}}], hostNetwork=True)
    assert problems(built) == []
    spec = built["template"]["spec"]
    assert (spec["restartPolicy"], spec["schedulerName"]) == ("Always", "default-scheduler")
    assert spec["containers"][0]["imagePullPolicy"] == "Always"
    assert built["template"]["metadata"] == {"creationTimestamp": None}
    # What follows from other fields is settled when a pod is made.
    assert "enableServiceLinks" not in spec
    assert spec["containers"][0]["resources"] == {"limits": {"cpu": "1"}}


def test_the_rules_of_pods_are_told_at_their_place_in_the_template() -> None:
    assert problems({"metadata": {"name": "web", "namespace": "default"}}) != []
    bad = template(
        {"labels": {"a": "-"}, "annotations": {"kubernetes.io/config.mirror": "x"}},
        restartPolicy="Sometimes",
        containers=[],
        ephemeralContainers=[{"name": "e", "image": "i"}],
    )
    found = problems(bad)
    assert [line.partition(": ")[0] for line in found] == [
        "template.labels",
        "template.annotations[kubernetes.io/config.mirror]",
        "template.spec.containers",
        "template.spec.restartPolicy",
        "template.spec.ephemeralContainers",
    ]
    assert found[-1].endswith("Forbidden: ephemeral containers not allowed in pod template")


def test_a_port_of_the_host_may_be_left_open_but_not_be_another() -> None:
    def on_host(**port: Any) -> dict[str, Any]:
        return template(
            hostNetwork=True, containers=[{"name": "c", "image": "i", "ports": [{"containerPort": 80, **port}]}]
        )

    assert problems(on_host()) == []
    assert problems(on_host(hostPort=81)) == [
        "template.spec.containers[0].ports[0].hostPort: Invalid value: 81: must match `containerPort` when"
        " `hostNetwork` is true"
    ]


def test_what_this_release_does_not_honour_is_the_pods_matter() -> None:
    assert problems(template(runtimeClassName="other")) == []


def test_all_of_a_template_may_change_but_not_its_name() -> None:
    old = stored(template())
    new = copy.deepcopy(old)
    new["template"]["spec"]["containers"] = template(hostname="h")["template"]["spec"]["containers"]
    new["template"]["spec"]["containers"][0]["name"] = "other"
    assert lines(validate_update(POD_TEMPLATES, new, old)) == []
    new["metadata"]["name"] = "other"
    assert [cause.field for cause in validate_update(POD_TEMPLATES, new, old)] == ["metadata.name"]


def test_which_image_a_volume_is_of_may_be_left_open() -> None:
    assert problems(template(volumes=[{"name": "v", "image": {}}])) == []
