"""What the API server counts of itself: the one door to prometheus-client.

Takes numbers from the server; gives the text of ``/metrics``, with upstream's names.
Source: https://kubernetes.io/docs/reference/instrumentation/metrics/
"""

from typing import Final

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest

MEDIA: Final = "text/plain; version=0.0.4; charset=utf-8"
_BUCKETS: Final = (0.005, 0.025, 0.1, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0)


class Metrics:
    """One API server's metrics."""

    def __init__(self) -> None:
        self._registry = CollectorRegistry()
        self._requests = Counter(
            "apiserver_request",
            "Requests by verb, group, version, resource, subresource and code.",
            ("verb", "group", "version", "resource", "subresource", "code"),
            registry=self._registry,
        )
        self._duration = Histogram(
            "apiserver_request_duration_seconds",
            "How long requests took, watches and streams left out.",
            ("verb", "resource"),
            buckets=_BUCKETS,
            registry=self._registry,
        )
        self.inflight = Gauge("apiserver_current_inflight_requests", "Requests being served.", registry=self._registry)
        self.watchers = Gauge(
            "apiserver_longrunning_requests",
            "Watches being served, by resource.",
            ("resource",),
            registry=self._registry,
        )
        self.objects = Gauge(
            "apiserver_storage_objects", "Stored objects by resource.", ("resource",), registry=self._registry
        )
        self.revision = Gauge("podbay_cache_revision", "The revision that the cache has.", registry=self._registry)
        self.loop_lag = Gauge(
            "podbay_event_loop_lag_seconds", "How long a turn of the event loop took just now.", registry=self._registry
        )

    def request(self, verb: str, group_resource: tuple[str, str, str, str], code: int) -> None:
        """Count one answered request. ``group_resource``: group, version, resource, subresource."""
        self._requests.labels(verb, *group_resource, str(code)).inc()

    def observe(self, verb: str, resource: str, seconds: float) -> None:
        """Take one request's duration."""
        self._duration.labels(verb, resource).observe(seconds)

    def text(self) -> bytes:
        """Return everything in the exposition format."""
        return generate_latest(self._registry)
