"""A file of a static pod: what the node makes of it, and what it refuses."""

import pytest

from podbay.api.mirror_pods import HASH, SOURCE
from podbay.kubelet.static_pods.manifest import read_manifest

PATH = "/etc/pods/web.yaml"
TEXT = """
apiVersion: v1
kind: Pod
metadata: {name: web}
spec:
  containers: [{name: c, image: "i:1"}]
"""


def test_a_pod_gets_from_its_node_a_name_a_uid_a_namespace_and_its_place() -> None:
    pod = read_manifest(TEXT.encode(), PATH, "node-1")
    metadata, spec = pod["metadata"], pod["spec"]
    assert (metadata["name"], metadata["namespace"], spec["nodeName"]) == ("web-node-1", "default", "node-1")
    assert len(metadata["uid"]) == 32
    assert metadata["annotations"] == {HASH: metadata["uid"], SOURCE: "file"}
    assert spec["tolerations"] == [{"operator": "Exists", "effect": "NoExecute"}]
    assert spec["terminationGracePeriodSeconds"] == 30 and spec["containers"][0]["imagePullPolicy"] == "IfNotPresent"


def test_json_says_the_same() -> None:
    text = (
        b'{"kind":"Pod","apiVersion":"v1","metadata":{"name":"web"},"spec":{"containers":[{"name":"c","image":"i:1"}]}}'
    )
    assert read_manifest(text, PATH, "n") == read_manifest(TEXT.encode(), PATH, "n")


def test_only_what_a_file_says_and_where_it_is_makes_another_pod() -> None:
    def uid(text: str = TEXT, path: str = PATH, node: str = "n") -> str:
        return str(read_manifest(text.encode(), path, node)["metadata"]["uid"])

    assert uid(f"# a remark\n{TEXT}") == uid()
    others = {uid(TEXT.replace("i:1", "i:2")), uid(path="/etc/pods/other.yaml"), uid(node="m")}
    assert len(others | {uid()}) == 4


def test_a_file_cannot_say_what_the_kubelet_says() -> None:
    marks = (
        "metadata: {name: web, annotations: {kubernetes.io/config.mirror: x, kubernetes.io/config.hash: w, mine: z}}"
    )
    pod = read_manifest(TEXT.replace("metadata: {name: web}", marks).encode(), PATH, "n")
    assert pod["metadata"]["annotations"] == {"mine": "z", HASH: pod["metadata"]["uid"], SOURCE: "file"}


@pytest.mark.parametrize(
    ("old", "new", "why"),
    [
        ("kind: Pod", "kind: ConfigMap", "couldn't parse as pod: apiVersion must be v1, and kind Pod"),
        ("apiVersion: v1", "a: [", "error converting YAML to JSON: yaml: line"),
        ("spec:", "---\nspec:", "couldn't parse as pod: a file holds one pod"),
        ("spec:", "spec:\n  colour: red", 'couldn\'t parse as pod: unknown field "spec.colour"'),
        ("kind: Pod", "kind: Pod\nkind: Pod", 'couldn\'t parse as pod: yaml: unmarshal errors:\n  line 4: key "kind"'),
        ("{name: web}", "{generateName: web}", "invalid pod: metadata.name: Required value"),
        ("{name: web}", "{name: web, uid: u}", "metadata.uid: the uid of a static pod is made of its content"),
        ("{name: web}", "{name: We_b}", 'invalid pod: Pod "We_b-n" is invalid: metadata.name: Invalid value'),
        ('image: "i:1"', "image: ''", 'invalid pod: Pod "web-n" is invalid: spec.containers[0].image: Required value'),
        ("spec:", "spec:\n  serviceAccountName: a", "static pods may not reference serviceaccounts"),
        ("spec:", "spec:\n  imagePullSecrets: [{name: s}]", "static pods may not reference secrets"),
        ("spec:", "spec:\n  volumes: [{name: v, configMap: {name: m}}]", "static pods may not reference configmaps"),
        ('"i:1"', '"i:1", envFrom: [{secretRef: {name: s}}]', "static pods may not reference secrets"),
        (
            "spec:",
            "spec:\n  volumes: [{name: v, persistentVolumeClaim: {claimName: c}}]",
            "static pods may not reference persistentvolumeclaims",
        ),
        (
            "spec:",
            "spec:\n  volumes: [{name: v, ephemeral: {volumeClaimTemplate: {spec: "
            "{accessModes: [ReadWriteOnce], resources: {requests: {storage: 1Gi}}}}}}]",
            "static pods may not reference persistentvolumeclaims (via ephemeral volumes)",
        ),
        (
            "spec:",
            "spec:\n  volumes: [{name: v, projected: {sources: [{serviceAccountToken: {path: t}}]}}]",
            "static pods may not reference serviceaccounts",
        ),
    ],
)
def test_what_is_wrong_with_a_file_is_told(old: str, new: str, why: str) -> None:
    with pytest.raises(ValueError) as caught:
        read_manifest(TEXT.replace(old, new).encode(), PATH, "n")
    assert str(caught.value).startswith(why)
