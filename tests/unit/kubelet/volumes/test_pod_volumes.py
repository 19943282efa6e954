"""Pods wait for their volumes and follow what is in them, on a pretended node with a real API server."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import pytest

from podbay.api.resources import CONFIG_MAPS, EVENTS, PODS, SECRETS
from tests.unit.kubelet.support import House, house, pod

Object = dict[str, Any]


@pytest.fixture
async def home() -> AsyncIterator[House]:
    async with house() as made:
        yield made


def config_map(name: str = "y", **more: Any) -> Object:
    return {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": name}, "data": {"a": "1"}, **more}


def with_volume(source: Object, name: str = "p") -> Object:
    made = pod(name, volumes=[{"name": "x", **source}])
    made["spec"]["containers"][0]["volumeMounts"] = [{"name": "x", "mountPath": "/x"}]
    return made


async def failures(home: House, name: str = "p") -> list[str]:
    return [message for _, reason, message in await home.told(name) if reason == "FailedMount"]


async def test_a_pod_waits_for_its_config_map_and_starts_when_it_comes(home: House) -> None:
    await home.run(with_volume({"configMap": {"name": "y"}}))
    assert await failures(home) == ['MountVolume.SetUp failed for volume "x" : configmap "y" not found']
    status = await home.status()
    assert status["phase"] == "Pending"
    assert status["containerStatuses"][0]["state"] == {"waiting": {"reason": "ContainerCreating"}}
    assert home.count("run_sandbox") == 0
    await home.admin.create(CONFIG_MAPS, config_map(), namespace="default")
    await home.activity.idle()
    assert (await home.status())["phase"] == "Running"


async def test_what_is_missing_is_told_again_and_again_ever_more_rarely(home: House) -> None:
    await home.run(with_volume({"secret": {"secretName": "y"}}))
    events = (await home.admin.list(EVENTS, namespace="default"))["items"]
    assert [(e["message"], e["count"]) for e in events if e["reason"] == "FailedMount"] == [
        ('MountVolume.SetUp failed for volume "x" : secret "y" not found', 1)
    ]
    counts = []
    for seconds in (0.5, 1, 2, 4, 8, 16, 32, 64, 122, 122):
        await home.pass_time(seconds)
        events = (await home.admin.list(EVENTS, namespace="default"))["items"]
        counts += [e["count"] for e in events if e["reason"] == "FailedMount"]
    assert counts == [2, 3, 4, 5, 6, 7, 8, 9, 10, 11]


async def test_an_optional_object_may_be_missing(home: House) -> None:
    await home.run(with_volume({"configMap": {"name": "y", "optional": True}}))
    assert (await home.status())["phase"] == "Running"


async def test_a_missing_key_holds_the_pod_until_it_is_there(home: House) -> None:
    await home.admin.create(CONFIG_MAPS, config_map(), namespace="default")
    await home.run(with_volume({"configMap": {"name": "y", "items": [{"key": "b", "path": "b"}]}}))
    said = 'MountVolume.SetUp failed for volume "x" : configmap references non-existent config key: b'
    assert await failures(home) == [said]
    await home.admin.patch(CONFIG_MAPS, "y", {"data": {"b": "2"}}, namespace="default")
    await home.activity.idle()
    assert (await home.status())["phase"] == "Running"


async def test_a_config_map_that_goes_does_not_disturb_a_pod_that_runs(home: House) -> None:
    await home.admin.create(CONFIG_MAPS, config_map(), namespace="default")
    await home.run(with_volume({"configMap": {"name": "y"}}))
    await home.admin.delete(CONFIG_MAPS, "y", namespace="default")
    await home.activity.idle()
    assert (await home.status())["phase"] == "Running"
    assert await failures(home) == ['MountVolume.SetUp failed for volume "x" : configmap "y" not found']
    (container,) = await home.runtime.containers()
    home.runtime.end_container(container.id, 1)
    await home.pass_time(20)
    assert (await home.container())["restartCount"] == 1 and (await home.status())["phase"] == "Running"


async def test_only_what_pods_name_is_followed_and_only_while_they_do(home: House) -> None:
    await home.admin.create(CONFIG_MAPS, config_map(), namespace="default")
    await home.admin.create(SECRETS, {**config_map("s"), "kind": "Secret", "data": {}}, namespace="default")
    both = {"projected": {"sources": [{"configMap": {"name": "y"}}, {"secret": {"name": "s"}}]}}
    await home.run(with_volume(both), with_volume({"configMap": {"name": "y"}}, "q"))
    assert await following(home) == ["configmap y", "secret s"]
    await home.delete("p", grace_s=0)
    assert await following(home) == ["configmap y"]
    await home.delete("q", grace_s=0)
    assert await following(home) == []


async def test_an_immutable_object_is_not_followed_once_it_was_seen(home: House) -> None:
    await home.admin.create(CONFIG_MAPS, config_map(immutable=True), namespace="default")
    await home.run(with_volume({"configMap": {"name": "y"}}))
    assert (await home.status())["phase"] == "Running"
    assert await following(home) == []


async def test_a_server_that_does_not_answer_is_no_news_for_a_second(home: House) -> None:
    made = with_volume({"configMap": {"name": "y"}})
    await home.admin.create(CONFIG_MAPS, config_map(), namespace="default")
    await home.admin.create(PODS, made, namespace="default")
    await home.kubelet.heard.wait()
    while not home.kubelet.pods():
        await _turn()
    home.link.is_cut = True
    await home.activity.idle()
    await home.pass_time(3)
    home.link.is_cut = False
    await home.pass_time(30)
    assert (await home.status())["phase"] == "Running"
    told = set(await failures(home))
    late = "failed to sync configmap cache: timed out waiting for the condition"
    assert told <= {f'MountVolume.SetUp failed for volume "x" : {late}'}


async def test_host_paths_are_given_as_they_are(home: House) -> None:
    await home.run(with_volume({"hostPath": {"path": "/var/data", "type": "Directory"}}))
    (config,) = home.runtime.configs.values()
    assert [(m.container_path, m.host_path, m.read_only) for m in config.mounts] == [("/x", "/var/data", False)]


async def following(home: House) -> list[str]:
    """Return what is followed, once ended watches have ended."""
    for _ in range(20):
        await _turn()
    names = [task.get_name() for task in asyncio.all_tasks()]
    return sorted(name.replace("default/", "") for name in names if name.startswith(("configmap", "secret")))


async def _turn() -> None:
    await asyncio.sleep(0)
