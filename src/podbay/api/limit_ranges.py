"""Limit ranges: what a namespace gives to containers that ask for nothing, and how much anybody may ask for.

Pure. Takes a limit range and a pod or claim; changes the pod in place, or gives what is wrong with it in upstream's
words. The API server asks when something is created, resized, or (claims) changed.
Invariant: only a container's silence is filled, never what it says.
Source: https://kubernetes.io/docs/concepts/policy/limit-range/ ; upstream's plugin/pkg/admission/limitranger.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, Final

from podbay.api.pod_resources import pod_amounts, requests_in_force
from podbay.api.quantity import Quantity, parse_all

Object = Mapping[str, Any]
Amounts = Mapping[str, Quantity]

ANNOTATION: Final = "kubernetes.io/limit-ranger"
_CONTAINERS: Final = {"containers": "container", "initContainers": "init container"}
_MOST_MILLI: Final = (2**63 - 1) // 1000


def fill_in(limit_range: Object, pod: dict[str, Any]) -> None:
    """Give a pod's containers the requests and limits that they do not name, and note that on the pod."""
    limits: dict[str, str] = {}
    requests: dict[str, str] = {}
    for item in _items(limit_range, "Container"):
        requests |= item.get("defaultRequest") or {}
        limits |= item.get("default") or {}
    told = []
    for kind, called in _CONTAINERS.items():
        for container in (pod.get("spec") or {}).get(kind) or ():
            for part, amounts in (("requests", requests), ("limits", limits)):
                if given := _give(container, part, amounts):
                    told.append(f"{', '.join(given)} {part.removesuffix('s')} for {called} {container.get('name', '')}")
    if told:
        annotations = pod["metadata"].get("annotations") or {}
        pod["metadata"]["annotations"] = {**annotations, ANNOTATION: f"LimitRanger plugin set: {'; '.join(told)}"}


def pod_problems(limit_range: Object, pod: Object) -> list[str]:
    """Return what a limit range has against a pod."""
    spec = pod["spec"]
    problems: list[str] = []
    for item in (limit_range.get("spec") or {}).get("limits") or ():
        if item.get("type") == "Container":
            for kind in _CONTAINERS:
                for container in spec.get(kind) or ():
                    requests = parse_all((container.get("resources") or {}).get("requests"))
                    problems += _problems(item, requests, _limits(container))
        elif item.get("type") == "Pod":
            problems += _problems(item, _requests(pod), pod_amounts(spec, _limits))
    return problems


def claim_problems(limit_range: Object, claim: Object) -> list[str]:
    """Return what a limit range has against a claim to a volume: only what it requests counts."""
    requests = parse_all(((claim.get("spec") or {}).get("resources") or {}).get("requests"))
    problems: list[str] = []
    for item in _items(limit_range, "PersistentVolumeClaim"):
        problems += _too_little(item, requests, {})
        for name, most in sorted(parse_all(item.get("max")).items()):
            start = f"maximum {name} usage per PersistentVolumeClaim is {most}"
            if name not in requests:
                problems.append(f"{start}.  No request is specified")
            elif requests[name] > most:
                problems.append(f"{start}, but request is {requests[name]}")
    return problems


def aggregated(texts: Iterable[str]) -> str:
    """Return several texts as upstream puts them into one, each once."""
    unique = list(dict.fromkeys(texts))
    return unique[0] if len(unique) == 1 else f"[{', '.join(unique)}]"


def _requests(pod: Object) -> dict[str, Quantity]:
    in_force = requests_in_force(pod)
    return pod_amounts(pod["spec"], lambda container: parse_all(in_force(container)))


def _limits(container: Object) -> dict[str, Quantity]:
    return parse_all((container.get("resources") or {}).get("limits"))


def _items(limit_range: Object, kind: str) -> Iterator[Object]:
    return (item for item in (limit_range.get("spec") or {}).get("limits") or () if item.get("type") == kind)


def _give(container: dict[str, Any], part: str, amounts: Mapping[str, str]) -> Sequence[str]:
    """Fill in what a container does not name; return the names."""
    resources = container.get("resources") or {}
    named = resources.get(part) or {}
    missing = {name: amount for name, amount in amounts.items() if name not in named}
    if missing:
        container["resources"] = {**resources, part: {**named, **missing}}
    return sorted(missing)


def _problems(item: Object, requests: Amounts, limits: Amounts) -> list[str]:
    return [
        *_too_little(item, requests, limits),
        *_too_much(item, requests, limits),
        *_too_wide(item, requests, limits),
    ]


def _too_little(item: Object, requests: Amounts, limits: Amounts) -> Iterator[str]:
    for name, least in sorted(parse_all(item.get("min")).items()):
        start = f"minimum {name} usage per {item['type']} is {least}"
        if name not in requests:
            yield f"{start}.  No request is specified"
        elif requests[name] < least:
            yield f"{start}, but request is {requests[name]}"
        elif name in limits and limits[name] < least:
            yield f"{start}, but limit is {limits[name]}"


def _too_much(item: Object, requests: Amounts, limits: Amounts) -> Iterator[str]:
    for name, most in sorted(parse_all(item.get("max")).items()):
        start = f"maximum {name} usage per {item['type']} is {most}"
        if name not in limits:
            yield f"{start}.  No limit is specified"
        elif limits[name] > most:
            yield f"{start}, but limit is {limits[name]}"
        elif name in requests and requests[name] > most:
            yield f"{start}, but request is {requests[name]}"


def _too_wide(item: Object, requests: Amounts, limits: Amounts) -> Iterator[str]:
    for name, most in sorted(parse_all(item.get("maxLimitRequestRatio")).items()):
        start = f"{name} max limit to request ratio per {item['type']} is {most}"
        request, limit = requests.get(name), limits.get(name)
        if not request:
            yield f"{start}, but no request is specified or request is 0"
        elif not limit:
            yield f"{start}, but no limit is specified or limit is 0"
        else:
            ratio = ratio_of(limit, request)
            if ratio * 1000 > most.milli:
                yield f"{start}, but provided ratio is {ratio:f}"


def ratio_of(dividend: Quantity, divisor: Quantity) -> float:
    """Return how many times one amount another is, by thousandths unless they are huge. The divisor is not zero."""
    if max(dividend.value, divisor.value) <= _MOST_MILLI:
        return dividend.milli / divisor.milli
    return dividend.value / divisor.value
