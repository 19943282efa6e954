"""What a namespace asks of its pods: a standard to enforce, one to audit by and one to warn by, told by six labels.

Pure. Takes labels; gives a policy, always, and causes for values that mean nothing. Invariant: a value that means
nothing asks for the most where pods are refused, and for nothing where they are only told of.
Source: https://kubernetes.io/docs/concepts/security/pod-security-admission/#pod-security-admission-labels-for-namespaces
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from podbay.api.errors import Cause
from podbay.api.validation.field_errors import invalid

PREFIX: Final = "pod-security.kubernetes.io/"
LEVELS: Final = ("privileged", "baseline", "restricted")  # each is stricter than those before it
_VERSION: Final = re.compile(r"v1\.(0|[1-9][0-9]*)")
_LEVEL_TEXT: Final = f"must be one of {', '.join(LEVELS)}"
_VERSION_TEXT: Final = 'must be "latest" or "v1.x"'
_MOST_MINOR: Final = 2**63 - 1


@dataclass(frozen=True, slots=True)
class Standard:
    """A level, as the version of Kubernetes 1.``minor`` has it; None is the latest."""

    level: str = "privileged"
    minor: int | None = None

    def __str__(self) -> str:
        """Return upstream's form: ``restricted:latest``."""
        return f"{self.level}:{'latest' if self.minor is None else f'v1.{self.minor}'}"

    @property
    def asks_nothing(self) -> bool:
        """Tell whether every pod meets it."""
        return self.level == "privileged"

    def is_stricter_than(self, other: "Standard") -> bool:
        """Tell whether its level asks for more, whatever the versions."""
        return LEVELS.index(self.level) > LEVELS.index(other.level)


@dataclass(frozen=True, slots=True)
class Policy:
    """The three standards of a namespace."""

    enforce: Standard = Standard()
    audit: Standard = Standard()
    warn: Standard = Standard()

    @property
    def asks_nothing(self) -> bool:
        """Tell whether every pod meets all three."""
        return self.enforce.asks_nothing and self.audit.asks_nothing and self.warn.asks_nothing


def policy_of(labels: Mapping[str, str]) -> Policy:
    """Return the policy of a namespace with these labels."""
    enforce = Standard(_level(labels, "enforce", "restricted"), _minor(labels, "enforce"))
    audit = Standard(_level(labels, "audit", "privileged"), _minor(labels, "audit"))
    warn = Standard(_level(labels, "warn", "privileged"), _minor(labels, "warn"))
    if labels.get(f"{PREFIX}enforce") in LEVELS and f"{PREFIX}warn" not in labels and enforce.is_stricter_than(warn):
        # Who makes controllers' objects is told in time what would become of their pods.
        warn = Standard(enforce.level, warn.minor if f"{PREFIX}warn-version" in labels else enforce.minor)
    return Policy(enforce, audit, warn)


def label_causes(labels: Mapping[str, str]) -> list[Cause]:
    """Return a cause for each label whose value means nothing."""
    causes = []
    for mode in ("enforce", "audit", "warn"):
        key, version = f"{PREFIX}{mode}", f"{PREFIX}{mode}-version"
        if key in labels and labels[key] not in LEVELS:
            causes.append(invalid(f"metadata.labels[{key}]", labels[key], _LEVEL_TEXT))
        if version in labels and not _is_version(labels[version]):
            causes.append(invalid(f"metadata.labels[{version}]", labels[version], _VERSION_TEXT))
    return causes


def _level(labels: Mapping[str, str], mode: str, otherwise: str) -> str:
    level = labels.get(f"{PREFIX}{mode}", "privileged")
    return level if level in LEVELS else otherwise


def _minor(labels: Mapping[str, str], mode: str) -> int | None:
    found = _VERSION.fullmatch(labels.get(f"{PREFIX}{mode}-version", "latest"))
    return int(found[1]) if found is not None and int(found[1]) <= _MOST_MINOR else None


def _is_version(text: str) -> bool:
    found = _VERSION.fullmatch(text)
    return text == "latest" or (found is not None and int(found[1]) <= _MOST_MINOR)
