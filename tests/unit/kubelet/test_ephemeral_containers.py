"""Ephemeral containers' stories: a kubelet on a pretended runtime, on a moved clock."""

from collections.abc import AsyncIterator
from typing import Any

import pytest

from podbay.api.errors import Invalid
from podbay.api.resources import PODS
from tests.unit.kubelet.support import House, house, pod


@pytest.fixture
async def home() -> AsyncIterator[House]:
    async with house() as made:
        yield made


async def add(home: House, name: str, **more: Any) -> None:
    container = {"name": name, "image": "busybox", "imagePullPolicy": "IfNotPresent", **more}
    patch = {"spec": {"ephemeralContainers": [container]}}
    await home.admin.patch(PODS, "p", patch, namespace="default", subresource="ephemeralcontainers")
    await home.activity.idle()


async def test_an_ephemeral_container_is_started_in_a_pod_that_runs(home: House) -> None:
    await home.run(pod())
    await add(home, "debug", targetContainerName="main")
    status = await home.status()
    debug = status["ephemeralContainerStatuses"][0]
    assert "running" in debug["state"] and status["phase"] == "Running"
    main = next(c for c in await home.runtime.containers() if c.name == "main")
    config = next(config for config in home.runtime.configs.values() if config.name == "debug")
    assert config.sees_processes_of == main.id
    assert [c["name"] for c in (await home.pod())["spec"]["ephemeralContainers"]] == ["debug"]


async def test_an_ephemeral_container_that_has_ended_is_never_started_again(home: House) -> None:
    await home.run(pod())
    await add(home, "debug", command=["false"])
    await home.pass_time(600)
    status = await home.status()
    assert status["ephemeralContainerStatuses"][0]["state"]["terminated"]["exitCode"] == 1
    assert status["phase"] == "Running" and home.count("start_container") == 2
    await add(home, "another")
    assert len((await home.status())["ephemeralContainerStatuses"]) == 2


async def test_an_ephemeral_container_keeps_no_pod_alive(home: House) -> None:
    await home.run(pod(command=["sleep", "5"], restartPolicy="Never"))
    await add(home, "debug")
    await home.pass_time(5)
    status = await home.status()
    assert status["phase"] == "Succeeded"
    assert "terminated" in status["ephemeralContainerStatuses"][0]["state"]


async def test_only_the_subresource_adds_ephemeral_containers(home: House) -> None:
    with pytest.raises(Invalid):
        await home.run(pod(ephemeralContainers=[{"name": "debug", "image": "busybox"}]))
    await home.run(pod())
    patch: dict[str, Any] = {"spec": {"ephemeralContainers": [{"name": "debug", "image": "busybox"}]}}
    with pytest.raises(Invalid):
        await home.admin.patch(PODS, "p", patch, namespace="default")
    patch["spec"]["activeDeadlineSeconds"] = 5
    await home.admin.patch(PODS, "p", patch, namespace="default", subresource="ephemeralcontainers")
    assert "activeDeadlineSeconds" not in (await home.pod())["spec"]
