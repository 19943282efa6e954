"""What the API server counts of itself, by prometheus-client.

Takes requests and numbers from the server; gives the text of ``/metrics``, with upstream's names and labels.
Invariant: what a label says comes from a fixed set, whatever clients send, so that nobody can make it grow.
Source: https://kubernetes.io/docs/reference/instrumentation/metrics/
"""

from typing import Final

from prometheus_client import (
    CollectorRegistry,
    Counter,
    Gauge,
    Histogram,
    PlatformCollector,
    ProcessCollector,
    generate_latest,
)

from podbay.api import resources
from podbay.apiserver.request_info import RequestInfo

MEDIA: Final = "text/plain; version=0.0.4; charset=utf-8"
_BUCKETS: Final = (
    0.005, 0.025, 0.05, 0.1, 0.2, 0.4, 0.6, 0.8, 1.0, 1.25, 1.5, 2.0, 3.0, 4.0, 5.0, 6.0, 8.0, 10.0, 15.0, 20.0, 30.0,
    45.0, 60.0,
)  # fmt: skip
_VERBS: Final = {
    "get": "GET", "head": "GET", "list": "LIST", "watch": "WATCH", "create": "POST", "post": "POST", "update": "PUT",
    "put": "PUT", "patch": "PATCH", "delete": "DELETE", "deletecollection": "DELETECOLLECTION",
}  # fmt: skip
_COMPONENT: Final = "apiserver"
_SUBJECT: Final = ("verb", "group", "version", "resource", "subresource", "scope", "component")


class Metrics:
    """One API server's metrics."""

    def __init__(self) -> None:
        self._registry = CollectorRegistry()
        ProcessCollector(registry=self._registry)
        PlatformCollector(registry=self._registry)
        self._requests = Counter(
            "apiserver_request",
            "Requests by verb, dry run, group, version, resource, subresource, scope, component and code.",
            (*_SUBJECT, "dry_run", "code"),
            registry=self._registry,
        )
        self._duration = Histogram(
            "apiserver_request_duration_seconds",
            "How long requests took, watches and streams left out.",
            (*_SUBJECT, "dry_run"),
            buckets=_BUCKETS,
            registry=self._registry,
        )
        self._inflight = Gauge(
            "apiserver_current_inflight_requests",
            "Requests being answered.",
            ("request_kind",),
            registry=self._registry,
        )
        self._watchers = Gauge(
            "apiserver_longrunning_requests", "Watches being served, by resource.", _SUBJECT, registry=self._registry
        )
        self.objects = Gauge(
            "apiserver_storage_objects", "Stored objects by resource.", ("resource",), registry=self._registry
        )
        self.revision = Gauge("podbay_cache_revision", "The revision that the cache has.", registry=self._registry)
        self.loop_lag = Gauge(
            "podbay_event_loop_lag_seconds", "How long a turn of the event loop took just now.", registry=self._registry
        )
        self._audited = Counter("apiserver_audit_event", "Events given to the audit log.", registry=self._registry)
        self._unaudited = Counter(
            "apiserver_audit_error", "Events that the audit log lost.", ("plugin",), registry=self._registry
        )
        self._audit_seen = (0, 0)
        for kind in ("readOnly", "mutating"):
            self._inflight.labels(kind)

    def began(self, info: RequestInfo) -> None:
        """Count a request that is being answered."""
        self._inflight.labels(_request_kind(info)).inc()

    def ended(self, info: RequestInfo, code: int, seconds: float, *, streams: bool) -> None:
        """Count an answered request, and how long it took if its answer is whole."""
        self._inflight.labels(_request_kind(info)).dec()
        subject, dry_run = _subject(info), "All" if "dryRun" in info.query else ""
        self._requests.labels(*subject, dry_run, str(code)).inc()
        if not streams:
            self._duration.labels(*subject, dry_run).observe(seconds)

    def watching(self, resource: resources.Resource, count: int) -> None:
        """Tell how many watches of a resource there are."""
        subject = ("WATCH", resource.group, resource.version, resource.plural, "", "cluster", _COMPONENT)
        self._watchers.labels(*subject).set(count)

    def auditing(self, given: int, lost: int) -> None:
        """Tell how many events the audit log was given since the server began, and how many of them it lost."""
        before, self._audit_seen = self._audit_seen, (given, lost)
        self._audited.inc(given - before[0])
        self._unaudited.labels("log").inc(lost - before[1])

    def text(self) -> bytes:
        """Return everything in the exposition format."""
        return generate_latest(self._registry)


def _request_kind(info: RequestInfo) -> str:
    return "readOnly" if info.verb in ("get", "head", "list", "watch") else "mutating"


def _subject(info: RequestInfo) -> tuple[str, str, str, str, str, str, str]:
    verb = _VERBS.get(info.verb, "other")
    resource = resources.find(info.group, info.version, info.resource)
    if resource is None:
        return (verb, "", "", "", "", "", _COMPONENT)
    subresource = next((sub.name for sub in resource.subresources if sub.name == info.subresource), "")
    if subresource in resources.STREAMS:
        verb = "CONNECT"
    return (verb, info.group, info.version, info.resource, subresource, _scope(info), _COMPONENT)


def _scope(info: RequestInfo) -> str:
    if info.name or info.verb == "create":
        return "resource"
    return "namespace" if info.namespace else "cluster"
