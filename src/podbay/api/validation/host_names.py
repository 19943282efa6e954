"""Rules of the names that a pod resolves: its resolver and the entries of its hosts file.

Takes a pod's spec; gives causes. Invariant: a resolver of the pod's own has a server.
Source: https://kubernetes.io/docs/concepts/services-networking/dns-pod-service/
"""

import ipaddress
from collections.abc import Mapping
from typing import Any, Final

from podbay.api import names
from podbay.api.errors import Cause
from podbay.api.validation.field_errors import each_invalid, invalid, required

_IP_TEXT: Final = "must be a valid IP address, (e.g. 10.9.8.7 or 2001:db8::ffff)"
_SERVERS_MOST: Final = 3
_SEARCHES_MOST: Final = 32
_LETTERS_MOST: Final = 2048


def validate_host_names(spec: Mapping[str, Any], path: str) -> list[Cause]:
    """Return what is wrong with a pod's ``dnsConfig`` and ``hostAliases``."""
    causes = _dns(spec, f"{path}.dnsConfig")
    for i, alias in enumerate(spec.get("hostAliases") or ()):
        here = f"{path}.hostAliases[{i}]"
        causes += _address(alias.get("ip") or "", f"{here}.ip")
        for j, name in enumerate(alias.get("hostnames") or ()):
            causes += each_invalid(f"{here}.hostnames[{j}]", name, names.dns1123_subdomain_problems(name))
    return causes


def _dns(spec: Mapping[str, Any], path: str) -> list[Cause]:
    config = spec.get("dnsConfig")
    is_own = spec.get("dnsPolicy") == "None"
    if config is None:
        return [required(path, "must provide `dnsConfig` when `dnsPolicy` is None")] if is_own else []
    servers, searches = config.get("nameservers") or [], config.get("searches") or []
    if is_own and not servers:
        detail = "must provide at least one DNS nameserver when `dnsPolicy` is None"
        return [required(f"{path}.nameservers", detail)]
    causes = []
    if len(servers) > _SERVERS_MOST:
        causes.append(invalid(f"{path}.nameservers", servers, f"must not have more than {_SERVERS_MOST} nameservers"))
    for i, server in enumerate(servers):
        causes += _address(server, f"{path}.nameservers[{i}]")
    if len(searches) > _SEARCHES_MOST:
        causes.append(invalid(f"{path}.searches", searches, f"must not have more than {_SEARCHES_MOST} search paths"))
    if len(" ".join(searches)) > _LETTERS_MOST:
        detail = f"must not have more than {_LETTERS_MOST} characters (including spaces) in the search list"
        causes.append(invalid(f"{path}.searches", searches, detail))
    for i, search in enumerate(searches):
        name = search.removesuffix(".")
        if search != ".":  # names may have underscores here, as those of some services' records do
            problems = names.dns1123_subdomain_problems(name.replace("_", "a"))
            causes += each_invalid(f"{path}.searches[{i}]", name, problems)
    for i, option in enumerate(config.get("options") or ()):
        if not option.get("name"):
            causes.append(required(f"{path}.options[{i}]", "must not be empty"))
    return causes


def _address(text: str, path: str) -> list[Cause]:
    try:
        ipaddress.ip_address(text)
    except ValueError:
        return [invalid(path, text, _IP_TEXT)]
    return []
