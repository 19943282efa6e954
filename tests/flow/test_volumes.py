"""Volumes with every part of the cluster taking part."""

from podbay.api.resources import CONFIG_MAPS
from tests.flow.cluster import Cluster, pod


async def test_a_pod_is_scheduled_and_waits_for_what_its_volume_takes_its_files_from(cluster: Cluster) -> None:
    container = pod("web")["spec"]["containers"][0]
    container["volumeMounts"] = [{"name": "files", "mountPath": "/files"}]
    volumes = [{"name": "files", "configMap": {"name": "words"}}]
    await cluster.create(pod("web", containers=[container], volumes=volumes))
    web = await cluster.pod("web")
    assert (web["spec"]["nodeName"], web["status"]["phase"]) == ("node-1", "Pending")
    told = 'MountVolume.SetUp failed for volume "files" : configmap "words" not found'
    assert ("FailedMount", told, 1) in await cluster.events_of("web")
    words = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "words"}, "data": {"a": "1"}}
    await cluster.rest.create(CONFIG_MAPS, words, namespace="default")
    assert await cluster.until_running("web") == 0
