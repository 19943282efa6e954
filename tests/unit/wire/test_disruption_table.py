"""The table of disruption budgets."""

from datetime import UTC, datetime
from typing import Any

import pytest

from podbay.api.resources import POD_DISRUPTION_BUDGETS
from podbay.wire.table import as_table


@pytest.mark.parametrize(
    ("spec", "shown"), [({"minAvailable": "50%"}, ["50%", "N/A"]), ({"maxUnavailable": 0}, ["N/A", "0"])]
)
def test_what_is_not_said_is_not_there(spec: dict[str, Any], shown: list[str]) -> None:
    made = {"name": "web", "namespace": "ns", "creationTimestamp": "2025-01-01T00:00:00Z"}
    budget = {"metadata": made, "spec": spec, "status": {"disruptionsAllowed": 2}}
    now = datetime(2025, 1, 1, 0, 1, tzinfo=UTC)
    table = as_table(POD_DISRUPTION_BUDGETS, [budget], now=now, include_object="None", list_meta={})
    assert [definition["name"] for definition in table["columnDefinitions"]] == [
        "Name", "Min Available", "Max Unavailable", "Allowed Disruptions", "Age",
    ]  # fmt: skip
    assert table["rows"][0]["cells"] == ["web", *shown, 2, "60s"]
