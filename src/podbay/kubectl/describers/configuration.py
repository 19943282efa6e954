"""Config maps, secrets, service accounts and priority classes, described.

A secret's values are told by their length only.

Source: upstream's describers, whose lines these are.
"""

import base64
from collections.abc import Sequence
from datetime import datetime

from podbay.kubectl.describers.events import write_events
from podbay.kubectl.describers.text import Description, Object


def describe_config_map(config_map: Object, events: Sequence[Object] | None, now: datetime) -> str:
    """Return the description of a config map."""
    out = Description(now)
    out.head(config_map, namespaced=True)
    out.write(0, "\nData\n====\n")
    for key, value in sorted((config_map.get("data") or {}).items()):
        out.write(0, f"{key}:\n----\n")
        out.write(0, f"{value}\n")
        out.write(0, "\n")
    out.write(0, "\nBinaryData\n====\n")
    for key, value in sorted((config_map.get("binaryData") or {}).items()):
        out.write(0, f"{key}: {len(base64.b64decode(value))} bytes\n")
    out.write(0, "\n")
    if events is not None:
        write_events(out, events)
    return out.text()


def describe_secret(secret: Object, now: datetime) -> str:
    """Return the description of a secret."""
    out = Description(now)
    out.head(secret, namespaced=True)
    out.write(0, f"\nType:\t{secret.get('type', '')}\n")
    out.write(0, "\nData\n====\n")
    for key, value in sorted((secret.get("data") or {}).items()):
        data = base64.b64decode(value)
        shown = data.decode("utf-8", "replace") if _is_token(secret, key) else f"{len(data)} bytes"
        out.write(0, f"{key}:\t{shown}\n")
    return out.text()


def describe_service_account(account: Object, events: Sequence[Object] | None, now: datetime) -> str:
    """Return the description of a service account."""
    out = Description(now)
    out.head(account, namespaced=True)
    names = [secret["name"] for secret in account.get("imagePullSecrets") or ()]
    mountable = [secret["name"] for secret in account.get("secrets") or ()]
    for title, found in (("Image pull secrets", names), ("Mountable secrets", mountable), ("Tokens", [])):
        out.lines(f"{title}", found)
    if events is not None:
        write_events(out, events)
    return out.text()


def describe_priority_class(kind: Object, events: Sequence[Object] | None, now: datetime) -> str:
    """Return the description of a priority class."""
    out = Description(now)
    out.write(0, f"Name:\t{kind['metadata']['name']}\n")
    out.write(0, f"Value:\t{kind.get('value', 0)}\n")
    out.write(0, f"GlobalDefault:\t{'true' if kind.get('globalDefault') else 'false'}\n")
    out.write(0, f"PreemptionPolicy:\t{kind.get('preemptionPolicy', '')}\n")
    out.write(0, f"Description:\t{kind.get('description', '')}\n")
    out.annotations(kind["metadata"].get("annotations"))
    if events is not None:
        write_events(out, events)
    return out.text()


def _is_token(secret: Object, key: str) -> bool:
    return key == "token" and secret.get("type") == "kubernetes.io/service-account-token"
