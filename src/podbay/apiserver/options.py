"""The options of a request that its query carries, checked as upstream checks them.

Takes a verb and the query; gives what writes, lists and watches may go by. DeleteOptions, which may come in a body,
are checked here too.
Invariant: a value that there is not, or a combination that makes no sense, is Invalid, with every cause; a number that
is none is BadRequest.
Source: https://kubernetes.io/docs/reference/using-api/api-concepts/ and the validation of meta.k8s.io's options.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from podbay.api.errors import BadRequest, Cause, Invalid
from podbay.api.validation.field_errors import forbidden, invalid, invalid_kind, not_supported
from podbay.api.validation.metadata import validate_dry_run, validate_field_manager
from podbay.apiserver.request_info import Query

_OF_VERB: Final = {"create": "CreateOptions", "update": "UpdateOptions", "patch": "PatchOptions"}
_FIELD_VALIDATION: Final = ("", "Ignore", "Strict", "Warn")
_POLICIES: Final = ("Foreground", "Background", "Orphan")
_MATCH: Final = "resourceVersionMatch"
_INCLUDE: Final = ("", "None", "Metadata", "Object")


@dataclass(frozen=True, slots=True)
class WriteOptions:
    """Whether a write is only tried, and what becomes of fields that are unknown or doubled."""

    dry_run: bool = False
    field_validation: str = "Warn"


def write_options(verb: str, query: Query) -> WriteOptions:
    """Return the options of a write. Raises Invalid."""
    if verb not in _OF_VERB:
        return WriteOptions()
    causes = []
    if verb == "patch" and "force" in query:
        causes.append(forbidden("force", "may not be specified for non-apply patch"))
    causes += validate_field_manager(query.get("fieldManager", ""))
    dry_run = query.all("dryRun")
    causes += validate_dry_run(dry_run)
    level = query.get("fieldValidation", "")
    if level not in _FIELD_VALIDATION:
        causes.append(not_supported("fieldValidation", level, _FIELD_VALIDATION))
    _raise(_OF_VERB[verb], causes)
    return WriteOptions(bool(dry_run), level or "Warn")


def check_list_options(query: Query) -> None:
    """Refuse what a list may not ask for. Raises Invalid, BadRequest."""
    version, match = query.get("resourceVersion", ""), query.get(_MATCH, "")
    causes = []
    if match:
        if not version:
            causes.append(forbidden(_MATCH, f"{_MATCH} is forbidden unless resourceVersion is provided"))
        if query.get("continue"):
            causes.append(forbidden(_MATCH, f"{_MATCH} is forbidden when continue is provided"))
        if match not in ("Exact", "NotOlderThan"):
            causes.append(not_supported(_MATCH, match, ("Exact", "NotOlderThan", "")))
        if match == "Exact" and version == "0":
            causes.append(forbidden(_MATCH, f'{_MATCH} "exact" is forbidden for resourceVersion "0"'))
    if "sendInitialEvents" in query:
        causes.append(forbidden("sendInitialEvents", "sendInitialEvents is forbidden for list"))
    _raise("ListOptions", causes)


def check_watch_options(query: Query) -> None:
    """Refuse what a watch may not ask for. Raises Invalid, BadRequest."""
    match, initial = query.get(_MATCH, ""), "sendInitialEvents" in query
    causes = []
    if initial and match != "NotOlderThan":
        causes.append(forbidden(_MATCH, f"sendInitialEvents requires setting {_MATCH} to NotOlderThan"))
    if match and not initial:
        causes.append(forbidden(_MATCH, f"{_MATCH} is forbidden for watch unless sendInitialEvents is provided"))
    if match and match != "NotOlderThan":
        causes.append(not_supported(_MATCH, match, ("NotOlderThan",)))
    if match and query.get("continue"):
        causes.append(forbidden(_MATCH, f"{_MATCH} is forbidden when continue is provided"))
    _raise("ListOptions", causes)


def check_include_object(query: Query) -> None:
    """Refuse a Table whose rows would carry something that there is not. Raises BadRequest."""
    value = query.get("includeObject", "")
    if value not in _INCLUDE:
        problem = f"Invalid value: \"{value}\": must be 'Metadata', 'Object', 'None', or empty"
        raise BadRequest(f"Unable to convert to Table as requested: includeObject: {problem}")


def check_resource_version(version: str) -> None:
    """Refuse a resourceVersion that is no number. Raises BadRequest."""
    if version and not (version.isascii() and version.isdigit()):
        problem = f'resourceVersion: Invalid value: "{version}": {parse_problem("ParseUint", version)}'
        raise BadRequest(f"invalid resource version: {problem}")


def delete_options(given: Mapping[str, Any] | None, query: Query) -> dict[str, Any]:
    """Return the DeleteOptions of a body, or of the query if there is no body. Raises Invalid, BadRequest."""
    options = dict(given) if given is not None else _delete_query(query)
    causes = []
    policy, orphan = options.get("propagationPolicy"), options.get("orphanDependents")
    if policy is not None and orphan is not None:
        causes.append(
            invalid("propagationPolicy", policy, "orphanDependents and deletionPropagation cannot be both set")
        )
    if policy is not None and policy not in _POLICIES:
        causes.append(not_supported("propagationPolicy", policy, (*_POLICIES, "nil")))
    causes += validate_dry_run(options.get("dryRun") or ())
    _raise("DeleteOptions", causes)
    return options


def integer(query: Query, name: str) -> int | None:
    """Return a number of the query, or None if it is not there. Raises BadRequest."""
    text = query.get(name, "")
    if not text:
        return None
    try:
        value = int(text) if text.isascii() and "_" not in text and text.strip() == text else None
    except ValueError:
        value = None
    if value is None:
        raise BadRequest(parse_problem("ParseInt", text))
    if not -(1 << 63) <= value < 1 << 63:
        raise BadRequest(f'strconv.ParseInt: parsing "{text}": value out of range')
    return value


def parse_problem(function: str, text: str) -> str:
    """Return Go's words for a text that is no number."""
    return f'strconv.{function}: parsing "{text}": invalid syntax'


def _delete_query(query: Query) -> dict[str, Any]:
    options: dict[str, Any] = {}
    seconds = integer(query, "gracePeriodSeconds")
    if seconds is not None:
        options["gracePeriodSeconds"] = seconds
    if "orphanDependents" in query:
        options["orphanDependents"] = query.flag("orphanDependents")
    if query.get("propagationPolicy"):
        options["propagationPolicy"] = query["propagationPolicy"]
    if query.all("dryRun"):
        options["dryRun"] = query.all("dryRun")
    return options


def _raise(kind: str, causes: Sequence[Cause]) -> None:
    if causes:
        error: Invalid = invalid_kind("meta.k8s.io", kind, "", causes)
        raise error
