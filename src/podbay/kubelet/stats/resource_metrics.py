"""The text of ``/metrics/resource``: processors and memory of the node, its pods and containers, for scrapers.

Takes a ``Sample``; gives the exposition format. A door to prometheus-client.
Source: https://kubernetes.io/docs/reference/instrumentation/metrics/ ; upstream's resource metrics collector.
"""

from collections.abc import Iterable, Sequence
from typing import Final

from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from podbay.kubelet.stats.samples import CgroupUsage, Sample
from podbay.wire.times import parse_time

MEDIA: Final = "text/plain; version=0.0.4; charset=utf-8"
_CONTAINER: Final = ("container", "namespace", "pod")
_POD: Final = ("namespace", "pod")


def resource_metrics(sample: Sample | None) -> bytes:
    """Return everything in the exposition format; None is that nothing could be measured."""
    registry = CollectorRegistry()
    registry.register(_Resources(sample))
    return generate_latest(registry)


class _Resources(Collector):
    def __init__(self, sample: Sample | None) -> None:
        self._sample = sample

    def collect(self) -> Iterable[Metric]:
        """Yield the families."""
        if self._sample is not None:
            yield from _families(self._sample)
        error = GaugeMetricFamily("resource_scrape_error", "Whether the node could not be measured: 1 or 0.")
        error.add_metric((), 1.0 if self._sample is None else 0.0)
        yield error


def _families(sample: Sample) -> Iterable[Metric]:
    started = GaugeMetricFamily(
        "container_start_time_seconds", "When a container started, in seconds since the epoch.", labels=_CONTAINER
    )
    containers: list[tuple[Sequence[str], CgroupUsage | None]] = []
    pods: list[tuple[Sequence[str], CgroupUsage | None]] = []
    for pod in sample.pods:
        metadata = pod.pod["metadata"]
        place = (metadata["namespace"], metadata["name"])
        if pod.containers:
            pods.append((place, pod.usage))
        for container in pod.containers:
            containers.append(((container.name, *place), container.usage))
            if container.started_at:
                started.add_metric((container.name, *place), parse_time(container.started_at).timestamp())
    yield from _both("node", (), [((), sample.node.usage)])
    yield from _both("container", _CONTAINER, containers)
    yield started
    yield from _both("pod", _POD, pods)


def _both(
    what: str, labels: Sequence[str], measured: Iterable[tuple[Sequence[str], CgroupUsage | None]]
) -> Iterable[Metric]:
    cpu = CounterMetricFamily(
        f"{what}_cpu_usage_seconds", f"Processor time that the {what} has used, in seconds of one core.", labels=labels
    )
    memory = GaugeMetricFamily(f"{what}_memory_working_set_bytes", f"The working set of the {what}.", labels=labels)
    for values, usage in measured:
        if usage is not None:
            cpu.add_metric(values, usage.cpu_ns / 1e9, timestamp=usage.at)
            memory.add_metric(values, float(usage.working_set_bytes), timestamp=usage.at)
    yield cpu
    yield memory
