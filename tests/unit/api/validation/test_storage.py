"""The rules of persistent volumes, claims and storage classes."""

from typing import Any

import pytest

from podbay.api.defaults import set_defaults
from podbay.api.resources import PERSISTENT_VOLUME_CLAIMS, PERSISTENT_VOLUMES, STORAGE_CLASSES, Resource
from podbay.api.validation import validate_create, validate_status_update, validate_update
from tests.unit.api.validation.support import lines, stored

Object = dict[str, Any]
LATER = "podbay does not support this field yet"
REQUIRED: Object = {"required": {"nodeSelectorTerms": [{"matchFields": []}]}}


def volume(**spec: Any) -> Object:
    base = {"capacity": {"storage": "1Gi"}, "accessModes": ["ReadWriteOnce"], "hostPath": {"path": "/data"}}
    found = {"metadata": {"name": "v"}, "spec": {k: v for k, v in {**base, **spec}.items() if v is not None}}
    set_defaults(PERSISTENT_VOLUMES, found)
    return found


def claim(**spec: Any) -> Object:
    base = {"accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": "1Gi"}}}
    found = {"metadata": {"name": "c", "namespace": "ns"}, "spec": {**base, **spec}}
    set_defaults(PERSISTENT_VOLUME_CLAIMS, found)
    return found


def storage_class(**more: Any) -> Object:
    found = {"metadata": {"name": "s"}, "provisioner": "example.com/p", **more}
    set_defaults(STORAGE_CLASSES, found)
    return found


def created(resource: Resource, obj: Object) -> list[str]:
    return lines(validate_create(resource, obj))


def test_defaults() -> None:
    spec = volume()["spec"]
    assert (spec["persistentVolumeReclaimPolicy"], spec["volumeMode"]) == ("Retain", "Filesystem")
    assert spec["hostPath"]["type"] == ""
    assert claim()["spec"]["volumeMode"] == "Filesystem"
    kind = storage_class()
    assert (kind["reclaimPolicy"], kind["volumeBindingMode"]) == ("Delete", "Immediate")


@pytest.mark.parametrize(
    ("spec", "problem"),
    [
        ({"accessModes": []}, "spec.accessModes: Required value"),
        (
            {"accessModes": ["Often"]},
            'spec.accessModes: Unsupported value: "Often": supported values: "ReadOnlyMany", "ReadWriteMany",'
            ' "ReadWriteOnce", "ReadWriteOncePod"',
        ),
        (
            {"accessModes": ["ReadWriteOnce", "ReadWriteOncePod"]},
            "spec.accessModes: Forbidden: may not use ReadWriteOncePod with other access modes",
        ),
        (
            {"capacity": {"storage": "0"}},
            'spec.capacity[storage]: Invalid value: "0": must be greater than zero',
        ),
        (
            {"persistentVolumeReclaimPolicy": "Burn"},
            'spec.persistentVolumeReclaimPolicy: Unsupported value: "Burn": supported values: "Delete", "Recycle",'
            ' "Retain"',
        ),
        ({"hostPath": None}, "spec: Required value: must specify a volume type"),
        ({"hostPath": {"path": "/a/../b"}}, "spec.hostPath.path: Invalid value: \"/a/../b\": must not contain '..'"),
        (
            {"local": {"path": "/d"}, "nodeAffinity": REQUIRED},
            "spec.local: Forbidden: may not specify more than 1 volume type",
        ),
        (
            {"hostPath": None, "local": {"path": "/d"}},
            "spec.nodeAffinity: Required value: Local volume requires node affinity",
        ),
        ({"hostPath": None, "nfs": {"server": "s", "path": "/"}}, f"spec.nfs: Forbidden: {LATER}"),
        ({"mountOptions": ["ro"]}, f"spec.mountOptions: Forbidden: {LATER}"),
        (
            {"nodeAffinity": {}},
            "spec.nodeAffinity.required: Required value: must specify required node constraints",
        ),
        (
            {"hostPath": {"path": "/"}, "persistentVolumeReclaimPolicy": "Recycle"},
            "spec.persistentVolumeReclaimPolicy: Forbidden: may not be 'recycle' for a hostPath mount of '/'",
        ),
        (
            {"volumeMode": "Tape"},
            'spec.volumeMode: Unsupported value: "Tape": supported values: "Block", "Filesystem"',
        ),
    ],
)
def test_what_a_volume_may_not_say(spec: Object, problem: str) -> None:
    assert created(PERSISTENT_VOLUMES, volume()) == []
    assert created(PERSISTENT_VOLUMES, volume(**spec)) == [problem]


def test_where_a_volumes_data_is_stays() -> None:
    old = stored(volume())
    for spec, problem in (
        (
            {"hostPath": {"path": "/other"}},
            "spec.persistentvolumesource: Forbidden: spec.persistentvolumesource is immutable after creation",
        ),
        ({"volumeMode": "Block"}, 'volumeMode: Invalid value: "Block": field is immutable'),
        ({"persistentVolumeReclaimPolicy": "Delete", "capacity": {"storage": "2Gi"}}, ""),
        ({"nodeAffinity": REQUIRED}, ""),
    ):
        new = stored(volume(**spec))
        assert lines(validate_update(PERSISTENT_VOLUMES, new, old)) == ([problem] if problem else [])
    placed = stored(volume(nodeAffinity=REQUIRED))
    assert lines(validate_update(PERSISTENT_VOLUMES, old, placed)) == [
        "nodeAffinity: Invalid value: null: field is immutable"
    ]


@pytest.mark.parametrize(
    ("spec", "problem"),
    [
        ({"accessModes": []}, "spec.accessModes: Required value: at least 1 access mode is required"),
        ({"resources": {}}, "spec.resources[storage]: Required value"),
        (
            {"resources": {"requests": {"storage": "-1"}}},
            'spec.resources[storage]: Invalid value: "-1": must be greater than or equal to 0',
        ),
        ({"dataSource": {"kind": "PersistentVolumeClaim", "name": "c"}}, f"spec.dataSource: Forbidden: {LATER}"),
        (
            {"selector": {"matchExpressions": [{"key": "k", "operator": "Near"}]}},
            'spec.selector.matchExpressions[0].operator: Invalid value: "Near": not a valid selector operator',
        ),
    ],
)
def test_what_a_claim_may_not_say(spec: Object, problem: str) -> None:
    assert created(PERSISTENT_VOLUME_CLAIMS, claim()) == []
    assert created(PERSISTENT_VOLUME_CLAIMS, claim(**spec)) == [problem]


def test_a_claim_changes_only_in_what_it_got() -> None:
    fixed = (
        "spec: Forbidden: spec is immutable after creation except resources.requests and volumeAttributesClassName"
        " for bound claims"
    )
    old = stored(claim())
    larger = {"requests": {"storage": "2Gi"}}
    for spec, expected in (
        ({"volumeName": "v"}, []),
        ({"storageClassName": "late"}, []),
        ({"accessModes": ["ReadWriteMany"]}, [fixed]),
        ({"resources": larger}, [fixed]),  # not bound yet
    ):
        assert lines(validate_update(PERSISTENT_VOLUME_CLAIMS, stored(claim(**spec)), old)) == expected

    def bound(**spec: Any) -> Object:
        found = stored(claim(volumeName="v", storageClassName="s", **spec))
        found["status"] = {"phase": "Bound", "capacity": {"storage": "1Gi"}}
        return found

    assert lines(validate_update(PERSISTENT_VOLUME_CLAIMS, bound(resources=larger), bound())) == []
    smaller = bound(resources={"requests": {"storage": "1Mi"}})
    assert lines(validate_update(PERSISTENT_VOLUME_CLAIMS, smaller, bound())) == [
        "spec.resources.requests.storage: Forbidden: field can not be less than status.capacity"
    ]
    moved = bound()
    moved["spec"]["volumeName"] = "w"
    assert lines(validate_update(PERSISTENT_VOLUME_CLAIMS, moved, bound())) == [fixed]


def test_a_claim_has_no_less_than_nothing() -> None:
    old = stored(claim())
    for amount, problems in (
        ("1Gi", []),
        ("-1Ki", ["status.capacity[storage]: Invalid value: -1024: must be a valid resource quantity"]),
    ):
        new = {**old, "status": {"phase": "Bound", "capacity": {"storage": amount}}}
        assert lines(validate_status_update(PERSISTENT_VOLUME_CLAIMS, new, old)) == problems


@pytest.mark.parametrize(
    ("more", "problem"),
    [
        ({"provisioner": ""}, "provisioner: Required value"),
        (
            {"reclaimPolicy": "Recycle"},
            'reclaimPolicy: Unsupported value: "Recycle": supported values: "Delete", "Retain"',
        ),
        (
            {"volumeBindingMode": "Later"},
            'volumeBindingMode: Unsupported value: "Later": supported values: "Immediate", "WaitForFirstConsumer"',
        ),
        ({"mountOptions": ["ro"]}, f"mountOptions: Forbidden: {LATER}"),
        ({"allowVolumeExpansion": True}, "allowVolumeExpansion: Forbidden: podbay does not support this value yet"),
        (
            {"allowedTopologies": [{"matchLabelExpressions": [{"key": "zone", "values": []}]}]},
            "allowedTopologies[0].matchLabelExpressions[0].values: Required value",
        ),
        (
            {"allowedTopologies": [{"matchLabelExpressions": [{"key": "zone", "values": ["a", "a"]}]}]},
            'allowedTopologies[0].matchLabelExpressions[0].values[1]: Duplicate value: "a"',
        ),
    ],
)
def test_what_a_storage_class_may_not_say(more: Object, problem: str) -> None:
    assert created(STORAGE_CLASSES, storage_class()) == []
    assert created(STORAGE_CLASSES, storage_class(**more)) == [problem]


def test_what_volumes_are_made_by_stays() -> None:
    old = stored(storage_class(parameters={"a": "b"}))
    for more, problem in (
        ({"provisioner": "example.com/q"}, "provisioner: Forbidden: updates to provisioner are forbidden."),
        ({"parameters": {}}, "parameters: Forbidden: updates to parameters are forbidden."),
        ({"reclaimPolicy": "Retain"}, "reclaimPolicy: Forbidden: updates to reclaimPolicy are forbidden."),
        (
            {"volumeBindingMode": "WaitForFirstConsumer"},
            'volumeBindingMode: Invalid value: "WaitForFirstConsumer": field is immutable',
        ),
    ):
        new = stored(storage_class(**{"parameters": {"a": "b"}, **more}))
        assert lines(validate_update(STORAGE_CLASSES, new, old)) == [problem]


def test_where_volumes_may_be_made_can_change_but_not_to_nonsense() -> None:
    old = stored(storage_class())
    for expression, problems in (
        ({"key": "zone", "values": ["a"]}, []),
        ({"key": "zone"}, ["allowedTopologies[0].matchLabelExpressions[0].values: Required value"]),
    ):
        new = stored(storage_class(allowedTopologies=[{"matchLabelExpressions": [expression]}]))
        assert lines(validate_update(STORAGE_CLASSES, new, old)) == problems
    nameless = stored(storage_class(allowedTopologies=[{"matchLabelExpressions": [{"values": ["a"]}]}]))
    (problem, *_) = lines(validate_update(STORAGE_CLASSES, nameless, old))
    assert problem.startswith('allowedTopologies[0].matchLabelExpressions[0].key: Invalid value: "": ')
