"""What describe says of a claim."""

from datetime import UTC, datetime

from podbay.kubectl.describers.storage import describe_claim

NOW = datetime(2025, 1, 1, tzinfo=UTC)


def test_a_claims_conditions_are_told_as_upstream_tells_them() -> None:
    resizing = {
        "type": "Resizing", "status": "True", "lastProbeTime": None, "lastTransitionTime": "2025-01-01T00:00:00Z",
        "reason": "Asked", "message": "it grows",
    }  # fmt: skip
    claim = {
        "metadata": {"name": "data", "namespace": "ns"},
        "spec": {"volumeName": "disk", "volumeMode": "Filesystem"},
        "status": {
            "phase": "Bound", "capacity": {"storage": "1Gi"}, "accessModes": ["ReadWriteOnce"],
            "conditions": [resizing],
        },
    }  # fmt: skip
    user = {"metadata": {"name": "db"}}
    assert describe_claim(claim, [user], None, NOW).splitlines()[-5:] == [
        "Used By:       db",
        "Conditions:",
        "  Type       Status  LastProbeTime                     LastTransitionTime                Reason  Message",
        "  ----       ------  -----------------                 ------------------                ------  -------",
        "  Resizing   True    Mon, 01 Jan 0001 00:00:00 +0000   Wed, 01 Jan 2025 00:00:00 +0000   Asked   it grows",
    ]
