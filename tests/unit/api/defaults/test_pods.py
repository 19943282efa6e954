import copy
from typing import Any

import pytest

from podbay.api.defaults import set_defaults
from podbay.api.resources import PODS


def defaulted(spec: dict[str, Any], status: dict[str, Any] | None = None) -> dict[str, Any]:
    pod = {"metadata": {"name": "p"}, "spec": spec, "status": status or {}}
    set_defaults(PODS, pod)
    again = copy.deepcopy(pod)
    set_defaults(PODS, again)
    assert again == pod
    return pod


def test_the_seeds_pod_gets_upstreams_defaults() -> None:
    ports = [{"containerPort": 8080, "protocol": "TCP"}]
    pod = defaulted({"containers": [{"image": "wanstack/kubia", "name": "kubia", "ports": ports}]})
    assert pod["spec"] == {
        "containers": [
            {
                "image": "wanstack/kubia",
                "imagePullPolicy": "Always",
                "name": "kubia",
                "ports": [{"containerPort": 8080, "protocol": "TCP"}],
                "resources": {},
                "terminationMessagePath": "/dev/termination-log",
                "terminationMessagePolicy": "File",
            }
        ],
        "dnsPolicy": "ClusterFirst",
        "enableServiceLinks": True,
        "restartPolicy": "Always",
        "schedulerName": "default-scheduler",
        "securityContext": {},
        "terminationGracePeriodSeconds": 30,
    }


@pytest.mark.parametrize(
    ("image", "policy"),
    [
        ("a", "Always"),
        ("a:latest", "Always"),
        ("a:1", "IfNotPresent"),
        ("a@sha256:" + "0" * 64, "IfNotPresent"),
        ("A", "IfNotPresent"),
    ],
)
def test_only_the_latest_image_is_always_pulled(image: str, policy: str) -> None:
    pod = defaulted({"containers": [{"name": "c", "image": image}]})
    assert pod["spec"]["containers"][0]["imagePullPolicy"] == policy


def test_what_is_given_stays() -> None:
    given = {
        "restartPolicy": "Never",
        "terminationGracePeriodSeconds": 0,
        "enableServiceLinks": False,
        "dnsPolicy": "Default",
        "containers": [{"name": "c", "image": "a", "imagePullPolicy": "Never"}],
    }
    spec = defaulted(copy.deepcopy(given))["spec"]
    assert {name: spec[name] for name in given if name != "containers"} == {
        name: given[name] for name in given if name != "containers"
    }
    assert spec["containers"][0]["imagePullPolicy"] == "Never"


def test_requests_follow_limits_where_they_are_not_said() -> None:
    limits = {"cpu": "1500u", "memory": "1024Mi"}
    pod = defaulted({"containers": [{"resources": {"limits": limits, "requests": {"memory": "1Mi"}}}]})
    assert pod["spec"]["containers"][0]["resources"] == {
        "limits": {"cpu": "2m", "memory": "1Gi"},
        "requests": {"cpu": "2m", "memory": "1Mi"},
    }


def test_a_pod_on_the_hosts_network_holds_its_ports_there() -> None:
    pod = defaulted({"hostNetwork": True, "containers": [{"ports": [{"containerPort": 80}]}]})
    assert pod["spec"]["containers"][0]["ports"] == [{"containerPort": 80, "hostPort": 80, "protocol": "TCP"}]


def test_a_volume_without_a_source_is_an_empty_directory() -> None:
    pod = defaulted({"containers": [], "volumes": [{"name": "v"}, {"name": "c", "configMap": {"name": "x"}}]})
    assert pod["spec"]["volumes"] == [
        {"name": "v", "emptyDir": {}},
        {"name": "c", "configMap": {"name": "x", "defaultMode": 420}},
    ]


def test_the_latest_image_of_a_volume_is_always_pulled_too() -> None:
    images: list[dict[str, Any]] = [{"reference": "a"}, {"reference": "a:1"}, {"reference": "a", "pullPolicy": "Never"}]
    defaulted({"containers": [], "volumes": [{"name": "v", "image": image} for image in images]})
    assert [image["pullPolicy"] for image in images] == ["Always", "IfNotPresent", "Never"]


def test_probes_and_references_are_filled_in() -> None:
    container = {
        "livenessProbe": {"httpGet": {"port": 80}},
        "env": [{"name": "IP", "valueFrom": {"fieldRef": {"fieldPath": "status.podIP"}}}],
    }
    filled = defaulted({"containers": [container]})["spec"]["containers"][0]
    assert filled["livenessProbe"] == {
        "httpGet": {"port": 80, "path": "/", "scheme": "HTTP"},
        "timeoutSeconds": 1,
        "periodSeconds": 10,
        "successThreshold": 1,
        "failureThreshold": 3,
    }
    assert filled["env"][0]["valueFrom"]["fieldRef"]["apiVersion"] == "v1"


def test_the_old_name_of_the_service_account_is_kept_beside_the_new() -> None:
    assert defaulted({"containers": [], "serviceAccount": "x"})["spec"]["serviceAccountName"] == "x"
    assert defaulted({"containers": [], "serviceAccountName": "y"})["spec"]["serviceAccount"] == "y"


def test_an_address_and_its_list_are_kept_together() -> None:
    assert defaulted({}, {"podIP": "10.0.0.1"})["status"]["podIPs"] == [{"ip": "10.0.0.1"}]
    assert defaulted({}, {"hostIPs": [{"ip": "10.0.0.2"}]})["status"]["hostIP"] == "10.0.0.2"


def test_a_claim_that_a_pod_brings_has_the_defaults_of_claims() -> None:
    claim = {"spec": {"accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": "1500m"}}}}
    pod = defaulted({"containers": [], "volumes": [{"name": "v", "ephemeral": {"volumeClaimTemplate": claim}}]})
    assert pod["spec"]["volumes"][0]["ephemeral"]["volumeClaimTemplate"] == {
        "metadata": {"creationTimestamp": None},
        "spec": {
            "accessModes": ["ReadWriteOnce"],
            "resources": {"requests": {"storage": "1500m"}},
            "volumeMode": "Filesystem",
        },
    }
