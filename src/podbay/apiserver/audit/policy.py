"""An audit policy: how much of which requests is written, and at which stages.

Pure. Takes who asks and what a request is about; gives a ruling. Invariant: the first rule that matches rules; what no
rule matches is not written.
Source: https://kubernetes.io/docs/tasks/debug/debug-cluster/audit/ and k8s.io/apiserver's ``pkg/audit/policy``.
"""

import enum
from collections.abc import Sequence
from dataclasses import dataclass

from podbay.apiserver.identity import Identity
from podbay.apiserver.request_info import RequestInfo


class Level(enum.IntEnum):
    """How much of a request is written: each level has what those before it have."""

    NONE = 0
    METADATA = 1
    REQUEST = 2
    REQUEST_RESPONSE = 3

    @property
    def text(self) -> str:
        """Return upstream's word for it."""
        return self.name.title().replace("_", "")


class Stage(enum.StrEnum):
    """How far a request has come."""

    REQUEST_RECEIVED = "RequestReceived"
    RESPONSE_STARTED = "ResponseStarted"  # of watches and streams only
    RESPONSE_COMPLETE = "ResponseComplete"
    PANIC = "Panic"


@dataclass(frozen=True, slots=True, kw_only=True)
class GroupResources:
    """Resources of an API group; ``*`` and the empty lists mean all of them."""

    group: str = ""
    resources: tuple[str, ...] = ()
    names: tuple[str, ...] = ()

    def covers(self, info: RequestInfo) -> bool:
        """Tell whether a request is about one of them."""
        if self.group not in ("*", info.group):
            return False
        if not self.resources:
            return True
        if self.names and info.subject_name not in self.names:
            return False
        wanted = ["*", f"{info.resource}/*"]
        wanted += [f"{info.resource}/{info.subresource}", f"*/{info.subresource}"] if info.subresource else []
        wanted += [] if info.subresource else [info.resource]
        return any(resource in wanted for resource in self.resources)


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule:
    """What its requests have in common, and what becomes of them; an empty list excludes nothing."""

    level: Level
    users: tuple[str, ...] = ()
    user_groups: tuple[str, ...] = ()
    verbs: tuple[str, ...] = ()
    resources: tuple[GroupResources, ...] = ()
    namespaces: tuple[str, ...] = ()
    paths: tuple[str, ...] = ()
    omit_stages: frozenset[Stage] = frozenset()
    omit_managed_fields: bool | None = None

    def matches(self, identity: Identity | None, info: RequestInfo) -> bool:
        """Tell whether a request is one of the rule's; nobody knows who ``None`` is."""
        if self.users and (identity is None or identity.user not in self.users):
            return False
        if self.user_groups and (identity is None or identity.groups.isdisjoint(self.user_groups)):
            return False
        if self.verbs and info.verb not in self.verbs:
            return False
        if self.namespaces or self.resources:
            return self._has_object(info)
        if self.paths:
            return not info.is_resource and any(_is_path(info.path, wanted) for wanted in self.paths)
        return True

    def _has_object(self, info: RequestInfo) -> bool:
        if not info.is_resource or (self.namespaces and info.namespace not in self.namespaces):
            return False
        return not self.resources or any(group.covers(info) for group in self.resources)


@dataclass(frozen=True, slots=True)
class Ruling:
    """How much of one request is written, at which stages not, and whether without managed fields."""

    level: Level = Level.NONE
    omit_stages: frozenset[Stage] = frozenset()
    omit_managed_fields: bool = False


@dataclass(frozen=True, slots=True)
class AuditPolicy:
    """Rules in order, and what holds besides for all of them."""

    rules: Sequence[Rule] = ()
    omit_stages: frozenset[Stage] = frozenset()
    omit_managed_fields: bool = False

    def ruling(self, identity: Identity | None, info: RequestInfo) -> Ruling:
        """Return what becomes of a request."""
        for rule in self.rules:
            if rule.matches(identity, info):
                said = rule.omit_managed_fields
                omit = self.omit_managed_fields if said is None else said
                return Ruling(rule.level, self.omit_stages | rule.omit_stages, omit)
        return Ruling()


def _is_path(path: str, wanted: str) -> bool:
    if wanted in ("*", path):
        return True
    return wanted.endswith("*") and path.startswith(wanted.rstrip("*"))
