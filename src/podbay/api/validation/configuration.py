"""Rules of config maps, secrets and service accounts.

Takes defaulted objects; gives causes. Invariant: what is marked immutable never changes, and its mark stays.
Source: https://kubernetes.io/docs/concepts/configuration/
"""

import base64
import binascii
import json
from collections.abc import Mapping
from typing import Any, Final

from podbay.api import names
from podbay.api.errors import Cause
from podbay.api.validation.field_errors import each_invalid, forbidden, invalid, required, too_long
from podbay.api.validation.metadata import (
    IMMUTABLE,
    validate_core_finalizers,
    validate_metadata,
    validate_metadata_update,
)

_OTHER_KINDS: Final = {list: "array", str: "string", bool: "bool", int: "number", float: "number"}
_MOST_BYTES: Final = 1024 * 1024
_SERVICE_ACCOUNT_NAME: Final = "kubernetes.io/service-account.name"
_DOCKER_KEYS: Final = {
    "kubernetes.io/dockercfg": ".dockercfg",
    "kubernetes.io/dockerconfigjson": ".dockerconfigjson",
}


def validate_config_map(config_map: Mapping[str, Any]) -> list[Cause]:
    """Return what is wrong with a config map."""
    causes = _metadata(config_map)
    data, binary = config_map.get("data") or {}, config_map.get("binaryData") or {}
    for key in sorted(data):
        causes += each_invalid(f"data[{key}]", key, names.config_key_problems(key))
        if key in binary:
            causes.append(invalid(f"data[{key}]", key, "duplicate of key present in binaryData"))
    for key in sorted(binary):
        causes += each_invalid(f"binaryData[{key}]", key, names.config_key_problems(key))
    size = sum(len(value.encode()) for value in data.values()) + sum(map(_decoded_bytes, binary.values()))
    if size > _MOST_BYTES:
        causes.append(too_long("[]", _MOST_BYTES))  # upstream's path of the object as a whole
    return causes


def validate_config_map_update(new: Mapping[str, Any], old: Mapping[str, Any]) -> list[Cause]:
    """Return what is wrong with a change of a config map."""
    causes = validate_metadata_update(new, old) + _immutable(new, old, ("data", "binaryData"))
    return causes + validate_config_map(new)


def validate_secret(secret: Mapping[str, Any]) -> list[Cause]:
    """Return what is wrong with a secret."""
    causes = _metadata(secret)
    data = secret.get("data") or {}
    for key in sorted(data):
        causes += each_invalid(f"data[{key}]", key, names.config_key_problems(key))
    if sum(map(_decoded_bytes, data.values())) > _MOST_BYTES:
        causes.append(too_long("data", _MOST_BYTES))
    return causes + _typed(secret, data)


def validate_secret_update(new: Mapping[str, Any], old: Mapping[str, Any]) -> list[Cause]:
    """Return what is wrong with a change of a secret."""
    causes = validate_metadata_update(new, old)
    if new.get("type") != old.get("type"):
        causes.append(invalid("type", new.get("type", ""), IMMUTABLE))
    return causes + _immutable(new, old, ("data",)) + validate_secret(new)


def validate_service_account(account: Mapping[str, Any]) -> list[Cause]:
    """Return what is wrong with a service account."""
    return _metadata(account)


def validate_service_account_update(new: Mapping[str, Any], old: Mapping[str, Any]) -> list[Cause]:
    """Return what is wrong with a change of a service account."""
    return validate_metadata_update(new, old) + validate_service_account(new)


def _metadata(obj: Mapping[str, Any]) -> list[Cause]:
    causes = validate_metadata(obj, names.dns1123_subdomain_problems, namespaced=True)
    return causes + validate_core_finalizers(obj)


def _immutable(new: Mapping[str, Any], old: Mapping[str, Any], fields: tuple[str, ...]) -> list[Cause]:
    if not old.get("immutable"):
        return []
    detail = "field is immutable when `immutable` is set"
    causes = [] if new.get("immutable") else [forbidden("immutable", detail)]
    changed = [field for field in fields if (new.get(field) or {}) != (old.get(field) or {})]
    return causes + [forbidden(field, detail) for field in changed]


def _typed(secret: Mapping[str, Any], data: Mapping[str, str]) -> list[Cause]:
    """Return what a secret's type asks for and does not get."""
    match secret.get("type"):
        case "kubernetes.io/service-account-token":
            annotations = (secret.get("metadata") or {}).get("annotations") or {}
            if not annotations.get(_SERVICE_ACCOUNT_NAME):
                return [required(f"metadata.annotations[{_SERVICE_ACCOUNT_NAME}]")]
        case "kubernetes.io/dockercfg" | "kubernetes.io/dockerconfigjson" as kind:
            return _docker(data, _DOCKER_KEYS[kind])
        case "kubernetes.io/basic-auth":
            if "username" not in data and "password" not in data:
                return [required("data[username]"), required("data[password]")]
        case "kubernetes.io/ssh-auth":
            return [] if data.get("ssh-privatekey") else [required("data[ssh-privatekey]")]
        case "kubernetes.io/tls":
            return [required(f"data[{key}]") for key in ("tls.crt", "tls.key") if key not in data]
    return []


def _docker(data: Mapping[str, str], key: str) -> list[Cause]:
    if key not in data:
        return [required(f"data[{key}]")]
    try:
        kind = _OTHER_KINDS.get(type(json.loads(base64.b64decode(data[key]))), "")
        problem = kind and f"json: cannot unmarshal {kind} into Go value of type map[string]interface {{}}"
    except json.JSONDecodeError as error:
        at_end = error.pos >= len(error.doc)
        found = "" if at_end else error.doc[error.pos]
        problem = "unexpected end of JSON input" if at_end else f"invalid character '{found}'"
    except (binascii.Error, UnicodeDecodeError) as error:
        problem = str(error)
    return [invalid(f"data[{key}]", "<secret contents redacted>", problem)] if problem else []


def _decoded_bytes(text: str) -> int:
    return len(text) * 3 // 4 - text[-2:].count("=")
