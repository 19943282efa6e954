"""The table of resource quotas."""

from datetime import UTC, datetime

from podbay.wire.table import quotas

NOW = datetime(2025, 1, 1, 0, 1, tzinfo=UTC)
METADATA = {"name": "q", "creationTimestamp": "2025-01-01T00:00:00Z"}


def test_limits_have_a_column_of_their_own() -> None:
    hard = {"pods": "5", "limits.cpu": "4", "requests.cpu": "2", "limits.memory": "1Gi"}
    status = {"hard": hard, "used": {"pods": "1", "limits.cpu": "500m", "requests.cpu": "0"}}
    assert [column["name"] for column in quotas.COLUMNS] == ["Name", "Request", "Limit", "Age"]
    assert quotas.cells({"metadata": METADATA, "status": status}, NOW) == [
        "q", "pods: 1/5, requests.cpu: 0/2", "limits.cpu: 500m/4, limits.memory: 0/1Gi", "60s",
    ]  # fmt: skip
    assert quotas.cells({"metadata": METADATA}, NOW) == ["q", "", "", "60s"]
