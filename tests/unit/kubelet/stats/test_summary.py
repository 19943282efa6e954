from typing import Any

from podbay.kubelet.stats.resource_metrics import resource_metrics
from podbay.kubelet.stats.samples import DiskUsage, Interface, PodDisks, VolumeUsage
from podbay.kubelet.stats.summary import ephemeral_usage, summary
from tests.unit.kubelet.stats.samples import DISK, container, manifest, sample, sampled, usage

MI = 1 << 20
VOLUMES: list[dict[str, Any]] = [
    {"name": "disk", "emptyDir": {}},
    {"name": "memory", "emptyDir": {"medium": "Memory"}},
    {"name": "settings", "configMap": {"name": "x"}},
    {"name": "hidden", "secret": {"secretName": "x"}},
]


def of(size: int) -> DiskUsage:
    return DiskUsage(bytes=size, inodes=1)


def disks() -> PodDisks:
    volumes = {volume["name"]: VolumeUsage(used=of(MI), filesystem=DISK) for volume in VOLUMES}
    return PodDisks(at=0.0, logs={"c": of(4 * MI)}, volumes=volumes, other=of(8 * MI))


def test_memory_that_is_available_is_what_the_working_set_leaves() -> None:
    found = summary(sample())["node"]
    assert found["memory"]["availableBytes"] == 6 << 30
    assert found["systemContainers"][0]["memory"]["availableBytes"] == 7 << 30
    assert found["fs"]["inodesUsed"] == 100_000
    assert found["rlimit"]["maxpid"] == 32768


def test_a_container_without_a_limit_has_no_memory_available_of_its_own() -> None:
    pod = sampled(manifest(), container(memory=MI), usage=usage(memory=MI, limit=4 * MI, rate=7))
    (found,) = summary(sample(pod))["pods"]
    assert found["memory"]["availableBytes"] == 3 * MI
    assert "availableBytes" not in found["containers"][0]["memory"]
    assert found["cpu"]["usageNanoCores"] == 7


def test_ephemeral_storage_is_layers_logs_and_the_volumes_that_are_on_the_nodes_disk() -> None:
    pod = sampled(manifest(volumes=VOLUMES), container(layer=2 * MI), disks=disks())
    assert ephemeral_usage(pod).bytes == (2 + 4 + 8 + 1 + 1) * MI
    (found,) = summary(sample(pod))["pods"]
    assert found["ephemeral-storage"]["usedBytes"] == 16 * MI
    assert [volume["name"] for volume in found["volume"]] == ["disk", "hidden", "memory", "settings"]
    assert found["containers"][0]["rootfs"]["usedBytes"] == 2 * MI
    assert found["containers"][0]["logs"]["usedBytes"] == 4 * MI


def test_only_processors_and_memory_leaves_out_all_else() -> None:
    pod = sampled(manifest(volumes=VOLUMES), container(), disks=disks())
    found = summary(sample(pod), only_cpu_and_memory=True)
    assert set(found["node"]) == {"nodeName", "systemContainers", "startTime", "cpu", "memory"}
    assert set(found["pods"][0]) == {"podRef", "startTime", "containers", "cpu", "memory"}
    assert set(found["pods"][0]["containers"][0]) == {"name", "startTime", "cpu", "memory"}


def test_a_network_is_told_by_its_default_interface() -> None:
    other = Interface(name="br0", rx_bytes=1, rx_errors=0, tx_bytes=2, tx_errors=0)
    default = Interface(name="eth0", rx_bytes=3, rx_errors=0, tx_bytes=4, tx_errors=0)
    found = summary(sample(sampled(manifest(), container(), interfaces=(other, default))))["pods"][0]["network"]
    assert (found["name"], found["rxBytes"], len(found["interfaces"])) == ("eth0", 3, 2)


def test_a_pod_of_which_nothing_runs_is_not_told_of() -> None:
    assert summary(sample(sampled(manifest())))["pods"] == []


def test_scrapers_get_counters_with_the_moment_they_were_read_at() -> None:
    text = resource_metrics(sample(sampled(manifest(), container(memory=MI)))).decode()
    labels = '{container="c",namespace="default",pod="p"}'
    assert f"container_memory_working_set_bytes{labels} 1.048576e+06 1767225600000" in text
    assert f"container_start_time_seconds{labels} 1.7672256e+09" in text
    assert "node_cpu_usage_seconds_total 0.0 1767225600000" in text
    assert 'pod_memory_working_set_bytes{namespace="default",pod="p"} 1.048576e+06 1767225600000' in text
    assert "resource_scrape_error 0.0" in text
    assert "resource_scrape_error 1.0" in resource_metrics(None).decode()
