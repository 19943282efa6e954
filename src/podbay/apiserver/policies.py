"""Policies of an administrator's own: who may do what besides the fixed table, until RBAC's kinds are served.

Pure. Takes the text of a policy file in upstream's format (one JSON object a line); tells whether one of its policies
covers a request. Invariant: a policy names whom it is for, or it is for nobody.
Source: https://kubernetes.io/docs/reference/access-authn-authz/abac/
"""

from dataclasses import dataclass
from typing import Any, Final

from podbay.apiserver.identity import Identity
from podbay.apiserver.request_info import RequestInfo
from podbay.wire import json

_VERSION: Final = "abac.authorization.kubernetes.io/v1beta1"
_READ: Final = ("get", "list", "watch")
_PARTS: Final = frozenset({"apiVersion", "kind", "spec"})
_FIELDS: Final = {
    "user": "user", "group": "group", "readonly": "read_only", "apiGroup": "api_group", "namespace": "namespace",
    "resource": "resource", "nonResourcePath": "path",
}  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True)
class Policy:
    """One line of the file; ``*`` is everything."""

    user: str = ""
    group: str = ""
    read_only: bool = False
    api_group: str = ""
    namespace: str = ""
    resource: str = ""
    path: str = ""

    def allows(self, identity: Identity, info: RequestInfo) -> bool:
        """Tell whether the policy lets somebody do something."""
        if self.read_only and info.verb not in _READ:
            return False
        return self._is_for(identity) and (self._has_object(info) if info.is_resource else self._has_path(info.path))

    def _is_for(self, identity: Identity) -> bool:
        if self.user not in ("", "*", identity.user):
            return False
        if self.group not in ("", "*") and self.group not in identity.groups:
            return False
        return bool(self.user or self.group)

    def _has_object(self, info: RequestInfo) -> bool:
        return (
            self.namespace in ("*", info.namespace)
            and self.resource in ("*", info.resource)
            and self.api_group in ("*", info.group)
        )

    def _has_path(self, path: str) -> bool:
        is_below = self.path.endswith("*") and path.startswith(self.path.rstrip("*"))
        return is_below or self.path == path


def read_policy_file(text: str) -> list[Policy]:
    """Return the policies of a file; empty lines and those that begin with ``#`` say nothing. Raises ValueError."""
    found = []
    for number, line in enumerate(text.splitlines(), start=1):
        if not line.strip() or line.strip().startswith("#"):
            continue
        try:
            found.append(_policy(json.decode(line.encode())))
        except ValueError as error:
            raise ValueError(f"line {number}: {error}") from None
    return found


def _policy(said: Any) -> Policy:
    if not isinstance(said, dict) or (said.get("apiVersion"), said.get("kind")) != (_VERSION, "Policy"):
        raise ValueError(f"a line is one object of kind Policy in version {_VERSION}")
    spec = said.get("spec") or {}
    if not isinstance(spec, dict):
        raise ValueError("spec is of the wrong type")
    unknown = sorted(said.keys() - _PARTS) or [f"spec.{name}" for name in sorted(spec.keys() - _FIELDS.keys())]
    if unknown:
        raise ValueError(f'unknown field "{unknown[0]}"')
    for name, value in spec.items():
        if not isinstance(value, bool if name == "readonly" else str):
            raise ValueError(f"spec.{name} is of the wrong type")
    return Policy(**{_FIELDS[name]: value for name, value in spec.items()})
