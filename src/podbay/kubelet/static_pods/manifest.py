"""One file that says what a static pod is.

Pure. Takes a file's text, its path and the node's name; gives the pod as the kubelet runs it, checked and with its
defaults, or raises ValueError that says what is wrong with the file.
Invariant: the same text at the same place on the same node is the same pod, with the same uid; another text is another
pod. A static pod names nothing of the API.
Source: https://kubernetes.io/docs/tasks/configure-pod-container/static-pod/ ; upstream's pkg/kubelet/config/common.go.
"""

import hashlib
import json
from typing import Any, Final

from podbay.api import schema
from podbay.api.defaults import set_defaults
from podbay.api.mirror_pods import HASH, MIRROR, SEEN, SOURCE
from podbay.api.pod_references import api_reference
from podbay.api.resources import PODS
from podbay.api.schema.conform import conform
from podbay.api.validation import invalid_object, validate_create
from podbay.wire import yaml

Object = dict[str, Any]

_OWN: Final = (HASH, MIRROR, SEEN, SOURCE)
_STAYS: Final = {"operator": "Exists", "effect": "NoExecute"}  # what befalls the node ends no static pod


def read_manifest(text: bytes, path: str, node: str) -> Object:
    """Return the pod of a file. Raises ValueError."""
    documents = list(yaml.load_all(text))
    if len(documents) != 1 or not isinstance(documents[0], dict):
        raise ValueError("couldn't parse as pod: a file holds one pod")
    given = documents[0]
    if (given.get("apiVersion"), given.get("kind")) != (PODS.api_version, PODS.kind):
        raise ValueError(f"couldn't parse as pod: apiVersion must be {PODS.api_version}, and kind {PODS.kind}")
    _, repeated = yaml.load_with_duplicates(text)
    pod, unknown = conform(given, schema.definition(PODS.api_version, PODS.kind))
    problems = repeated + [f'unknown field "{field}"' for field in unknown]
    if problems:
        raise ValueError(f"couldn't parse as pod: {', '.join(problems)}")
    pod.pop("status", None)
    _settle(pod, path, node)
    set_defaults(PODS, pod)
    causes = validate_create(PODS, pod)
    if causes:
        raise ValueError(f"invalid pod: {invalid_object(PODS, pod['metadata'].get('name', ''), causes).message}")
    reference = api_reference(pod)
    if reference:
        raise ValueError(f"static pods may not reference {reference}")
    return pod


def _settle(pod: Object, path: str, node: str) -> None:
    """Give a pod what its node decides: uid, name, namespace, and where it runs. Raises ValueError."""
    metadata: Object = pod.setdefault("metadata", {})
    if metadata.get("uid"):
        raise ValueError("metadata.uid: the uid of a static pod is made of its content")
    if not metadata.get("name"):
        raise ValueError("invalid pod: metadata.name: Required value: name is required")
    for name in ("resourceVersion", "creationTimestamp", "generation", "managedFields", "selfLink"):
        metadata.pop(name, None)
    content = json.dumps([pod, node, path], sort_keys=True)
    uid = hashlib.md5(content.encode(), usedforsecurity=False).hexdigest()
    metadata["uid"] = uid
    metadata["name"] = f"{metadata['name']}-{node.lower()}"
    metadata.setdefault("namespace", "default")
    kept = {key: value for key, value in (metadata.get("annotations") or {}).items() if key not in _OWN}
    metadata["annotations"] = {**kept, HASH: uid, SOURCE: "file"}
    spec: Object = pod.setdefault("spec", {})
    spec["nodeName"] = node
    tolerations = spec.setdefault("tolerations", [])
    if _STAYS not in tolerations:
        tolerations.append(dict(_STAYS))
