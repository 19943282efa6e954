"""What six labels ask for, also when they say nothing or nonsense."""

import pytest

from podbay.api.pod_security.policy import PREFIX, Policy, Standard, label_causes, policy_of

RESTRICTED, BASELINE, NOTHING = Standard("restricted"), Standard("baseline"), Standard()


def labels(**modes: str) -> dict[str, str]:
    return {PREFIX + mode.replace("_", "-"): value for mode, value in modes.items()}


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ({}, Policy()),
        (labels(enforce="restricted"), Policy(RESTRICTED, NOTHING, RESTRICTED)),
        (labels(enforce="restricted", warn="baseline"), Policy(RESTRICTED, NOTHING, BASELINE)),
        (labels(enforce="privileged"), Policy()),
        (labels(warn="baseline", audit="restricted"), Policy(NOTHING, RESTRICTED, BASELINE)),
        (
            labels(enforce="baseline", enforce_version="v1.22"),
            Policy(Standard("baseline", 22), NOTHING, Standard("baseline", 22)),
        ),
        (
            labels(enforce="baseline", enforce_version="v1.22", warn_version="latest"),
            Policy(Standard("baseline", 22), NOTHING, BASELINE),
        ),
        (labels(enforce_version="v1.9"), Policy(Standard("privileged", 9))),
        (labels(enforce="none"), Policy(RESTRICTED)),
        (labels(enforce="restricted", enforce_version="1.22"), Policy(RESTRICTED, NOTHING, RESTRICTED)),
        (labels(audit="none", warn="none"), Policy()),
    ],
)
def test_labels_ask_for_three_standards(given: dict[str, str], expected: Policy) -> None:
    assert policy_of(given) == expected


def test_a_standard_is_shown_as_level_and_version() -> None:
    assert [str(RESTRICTED), str(Standard("baseline", 7))] == ["restricted:latest", "baseline:v1.7"]


@pytest.mark.parametrize("version", ["latest", "v1.0", "v1.33", "v1.99"])
def test_a_version_is_the_latest_or_one_of_the_first_major(version: str) -> None:
    assert label_causes(labels(enforce_version=version)) == []


@pytest.mark.parametrize("version", ["", "v1", "v1.01", "v2.0", "1.22", "v1.22.1", "newest", f"v1.{2**63}"])
def test_another_version_means_nothing(version: str) -> None:
    (cause,) = label_causes(labels(audit_version=version))
    assert cause.field == "metadata.labels[pod-security.kubernetes.io/audit-version]"
    assert cause.message == f'Invalid value: "{version}": must be "latest" or "v1.x"'


def test_each_label_that_means_nothing_is_told_in_the_order_of_the_modes() -> None:
    causes = label_causes(labels(warn="x", enforce="Restricted", enforce_version="y", audit=""))
    assert [cause.field.partition("/")[2] for cause in causes] == ["enforce]", "enforce-version]", "audit]", "warn]"]
    assert causes[0].message == 'Invalid value: "Restricted": must be one of privileged, baseline, restricted'
