"""The file of an audit policy, as upstream writes it: kind Policy of audit.k8s.io/v1.

Pure. Takes a file's text, YAML or JSON; gives a policy, or says in upstream's words what is wrong with it.
Invariant: a field that is not known is refused, where upstream only warns of it.
Source: https://kubernetes.io/docs/reference/config-api/apiserver-audit.v1/#audit-k8s-io-v1-Policy and
k8s.io/apiserver's ``pkg/apis/audit/validation``.
"""

from collections.abc import Mapping
from typing import Any, Final

from podbay.api.errors import Cause
from podbay.api.names import dns1123_subdomain_problems
from podbay.api.validation.field_errors import invalid, not_supported, required
from podbay.apiserver.audit.policy import AuditPolicy, GroupResources, Level, Rule, Stage
from podbay.wire import json, yaml

_API: Final = "audit.k8s.io/v1"
_LEVELS: Final = {level.text: level for level in Level}
_STAGES: Final = tuple(str(stage) for stage in Stage)
_TEXTS: Final = "[]string"
_BOTH: Final = "rules cannot apply to both regular resources and non-resource URLs"
_FIELDS: Final[Mapping[str, Mapping[str, str]]] = {  # of each Go struct, with their Go types
    "Policy": {
        "apiVersion": "string", "kind": "string", "metadata": "v1.ObjectMeta", "rules": "[]v1.PolicyRule",
        "omitStages": "[]v1.Stage", "omitManagedFields": "bool",
    },
    "PolicyRule": {
        "level": "v1.Level", "users": _TEXTS, "userGroups": _TEXTS, "verbs": _TEXTS,
        "resources": "[]v1.GroupResources", "namespaces": _TEXTS, "nonResourceURLs": _TEXTS,
        "omitStages": "[]v1.Stage", "omitManagedFields": "bool",
    },
    "GroupResources": {"group": "string", "resources": _TEXTS, "resourceNames": _TEXTS},
}  # fmt: skip


def parse_audit_policy(text: str) -> AuditPolicy:
    """Return the policy that a text says. Raises ValueError that says what is wrong with it."""
    try:
        value, problems = yaml.load_with_duplicates(text.encode())
    except ValueError as error:
        raise ValueError(f"failed decoding: {error}") from None
    _check_type(value)
    said = _struct(value, "Policy", "", "", problems)
    if problems:
        raise ValueError(f"failed decoding: strict decoding error: {', '.join(problems)}")
    causes = _stage_causes(said.get("omitStages", ()), "omitStages")
    for index, rule in enumerate(said.get("rules", ())):
        causes += _rule_causes(rule, f"rules[{index}]")
    if causes:
        texts = list(dict.fromkeys(f"{cause.field}: {cause.message}" for cause in causes))
        raise ValueError(texts[0] if len(texts) == 1 else f"[{', '.join(texts)}]")
    if not said.get("rules"):
        raise ValueError("loaded illegal policy with 0 rules")
    return AuditPolicy(
        tuple(map(_rule, said["rules"])),
        frozenset(map(Stage, said.get("omitStages", ()))),
        said.get("omitManagedFields", False),
    )


def _check_type(value: Any) -> None:
    """Refuse what is no policy of the version. Raises ValueError."""
    if not isinstance(value, dict):
        raise ValueError(f"failed decoding: couldn't get version/kind; json parse error: it is no {_API} Policy")
    for name, shown in (("kind", "Kind"), ("apiVersion", "apiVersion")):
        if not value.get(name):
            raise ValueError(f"failed decoding: Object '{shown}' is missing in '{json.encode(value).decode()}'")
    if (value["apiVersion"], value["kind"]) != (_API, "Policy"):
        raise ValueError(
            f'failed decoding: no kind "{value["kind"]}" is registered for version "{value["apiVersion"]}" in scheme'
        )


def _struct(value: Any, struct: str, path: str, go_path: str, problems: list[str]) -> dict[str, Any]:
    """Return an object with what it says of its known fields; adds those that are not known to the problems."""
    found = {}
    for name, said in value.items():
        here, go_here = f"{path}.{name}".lstrip("."), f"{go_path}.{name}".lstrip(".")
        go_type = _FIELDS[struct].get(name)
        if go_type is None:
            problems.append(f'unknown field "{here}"')
        elif said is not None:
            found[name] = _value(said, go_type, (struct, here, go_here), problems)
    return found


def _value(value: Any, go_type: str, where: tuple[str, str, str], problems: list[str]) -> Any:
    struct, path, go_path = where
    if go_type.startswith("[]"):
        _need(value, list, go_type, struct, go_path)
        inner = go_type.removeprefix("[]")
        return [
            _value(item, inner, (struct, f"{path}[{index}]", go_path), problems) for index, item in enumerate(value)
        ]
    inner = go_type.removeprefix("v1.")
    if inner in _FIELDS:
        _need(value, dict, go_type, struct, go_path)
        return _struct(value, inner, path, go_path, problems)
    _need(value, {"bool": bool, "v1.ObjectMeta": dict}.get(go_type, str), go_type, struct, go_path)
    return value


def _need(value: Any, kind: type, go_type: str, struct: str, go_path: str) -> None:
    if type(value) is not kind:
        names = {str: "string", bool: "bool", list: "array", dict: "object"}
        found = names.get(type(value), "number")
        raise ValueError(
            f"failed decoding: json: cannot unmarshal {found} into Go struct field {struct}.{go_path} of type {go_type}"
        )


def _rule_causes(rule: Mapping[str, Any], path: str) -> list[Cause]:
    level, urls = rule.get("level", ""), rule.get("nonResourceURLs", [])
    causes = []
    if not level:
        causes.append(required(f"{path}.level"))
    elif level not in _LEVELS:
        causes.append(not_supported(f"{path}.level", level, _LEVELS))
    for index, url in enumerate(urls):
        here = f"{path}.nonResourceURLs[{index}]"
        if url != "*" and not url.startswith("/"):
            causes.append(invalid(here, url, "non-resource URL rules must begin with a '/' character"))
        if "*" in url[:-1]:
            text = "non-resource URL wildcards '*' must be the final character of the rule"
            causes.append(invalid(here, url, text))
    for group in rule.get("resources", ()):
        causes += _group_causes(group, f"{path}.resources")
    causes += _stage_causes(rule.get("omitStages", ()), f"{path}.omitStages")
    if urls and (rule.get("resources") or rule.get("namespaces")):
        causes.append(invalid(f"{path}.nonResourceURLs", urls, _BOTH))
    return causes


def _group_causes(group: Mapping[str, Any], path: str) -> list[Cause]:
    name, names = group.get("group", ""), group.get("resourceNames", [])
    causes = []
    if name not in ("", "*") and (problems := dns1123_subdomain_problems(name)):
        causes.append(invalid(f"{path}.group", name, ",".join(problems)))
    if names and not group.get("resources"):
        causes.append(invalid(f"{path}.resourceNames", names, "using resourceNames requires at least one resource"))
    return causes


def _stage_causes(stages: Any, path: str) -> list[Cause]:
    allowed = f"allowed stages are {','.join(_STAGES)}"
    return [invalid(f"{path}[{index}]", stage, allowed) for index, stage in enumerate(stages) if stage not in _STAGES]


def _rule(said: Mapping[str, Any]) -> Rule:
    return Rule(
        level=_LEVELS[said["level"]],
        users=tuple(said.get("users", ())),
        user_groups=tuple(said.get("userGroups", ())),
        verbs=tuple(said.get("verbs", ())),
        resources=tuple(
            GroupResources(
                group=group.get("group", ""),
                resources=tuple(group.get("resources", ())),
                names=tuple(group.get("resourceNames", ())),
            )
            for group in said.get("resources", ())
        ),
        namespaces=tuple(said.get("namespaces", ())),
        paths=tuple(said.get("nonResourceURLs", ())),
        omit_stages=frozenset(map(Stage, said.get("omitStages", ()))),
        omit_managed_fields=said.get("omitManagedFields"),
    )
