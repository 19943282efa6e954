"""How sandboxes and containers are made, on a kubelet with a pretended runtime."""

from collections.abc import AsyncIterator

import pytest

from podbay.api.resources import NODES
from podbay.cri.runtime import DnsConfig, Mount, RuntimeHandler, UserNamespace
from tests.unit.kubelet.support import NODE, House, house, pod


@pytest.fixture
async def home() -> AsyncIterator[House]:
    async with house() as made:
        yield made


async def test_a_sandbox_resolves_names_as_the_host_does_when_it_is_made(home: House) -> None:
    home.dns = DnsConfig(servers=["192.0.2.1"], searches=["home"])
    await home.run(pod())
    home.dns = DnsConfig(servers=["192.0.2.2"], searches=["office"])
    await home.run(pod("q"))
    made = {config.name: config.dns for config in home.runtime.sandbox_configs.values()}
    assert made["p"] == DnsConfig(servers=["192.0.2.1"], searches=["home"])
    assert made["q"] == home.dns


async def test_a_pod_with_users_of_its_own_waits_for_a_runtime_that_can(home: House) -> None:
    await home.run(pod(hostUsers=False))
    said = "can't set `spec.hostUsers: false`, runtime does not support user namespaces"
    told = ("Warning", "FailedCreatePodSandBox", f'Failed to create pod sandbox: {said}: the handler "" is not known')
    assert told in await home.told()
    assert (await home.status())["phase"] == "Pending" and home.count("run_sandbox") == 0
    home.runtime.handlers = (RuntimeHandler(name="", user_namespaces=True),)
    await home.pass_time(120)
    assert (await home.status())["phase"] == "Running"
    (config,) = home.runtime.sandbox_configs.values()
    assert config.user_namespace == UserNamespace(first_id=65536, length=65536)
    node = await home.admin.get(NODES, NODE)
    features = {"recursiveReadOnlyMounts": False, "userNamespaces": True}
    assert node["status"]["runtimeHandlers"] == [{"name": "", "features": features}]


async def test_a_stop_signal_that_the_runtime_passes_over_keeps_the_container_waiting(home: House) -> None:
    asking = pod(os={"name": "linux"})
    asking["spec"]["containers"][0]["lifecycle"] = {"stopSignal": "SIGUSR1"}
    await home.run(asking)
    waiting = (await home.status())["containerStatuses"][0]["state"]["waiting"]
    said = "lifecycle.stopSignal is not supported by the runtime"
    assert waiting == {"reason": "CreateContainerError", "message": said}
    assert ("Warning", "Failed", f"Error: {said}") in await home.told()
    assert home.count("start_container") == 0 and await home.runtime.containers() == []
    home.runtime.knows_stop_signals = True
    await home.pass_time(20)
    assert (await home.status())["containerStatuses"][0]["stopSignal"] == "SIGUSR1"


async def test_the_image_of_sandboxes_is_brought_back_once_for_all_pods_that_miss_it(home: House) -> None:
    lost = "failed to create containerd container: error unpacking image: content digest sha256:1: not found"
    home.runtime.fail("run_sandbox", "NOT_FOUND", lost, times=4)
    await home.run(pod("a"), pod("b"))
    assert home.mended == 1
    await home.pass_time(4)
    assert (await home.status("a"))["phase"] == (await home.status("b"))["phase"] == "Running"


async def test_a_sandbox_that_fails_for_another_reason_changes_no_image(home: House) -> None:
    home.runtime.fail("run_sandbox", "UNKNOWN", "no IP addresses available in range set")
    await home.run(pod())
    assert home.mended == 0


async def test_a_volume_of_an_image_is_pulled_before_the_container_is_made(home: House) -> None:
    volumes = [
        {"name": "v", "image": {"reference": "example.com/data:1"}},
        {"name": "unused", "image": {"reference": "x"}},
    ]
    asking = pod(volumes=volumes)
    asking["spec"]["containers"][0]["volumeMounts"] = [{"name": "v", "mountPath": "/v"}]
    home.runtime.pullable = {"docker.io/library/busybox:latest"}
    await home.run(asking)
    waiting = (await home.status())["containerStatuses"][0]["state"]["waiting"]
    assert waiting["reason"] == "ErrImagePull" and "example.com/data:1" in waiting["message"]
    assert home.count("create_container") == 0
    home.runtime.pullable = None
    await home.pass_time(30)
    assert (await home.status())["phase"] == "Running"
    (config,) = home.runtime.configs.values()
    image = await home.runtime.image("example.com/data:1")
    assert image is not None and await home.runtime.image("docker.io/library/x:latest") is None
    (mount,) = (mount for mount in config.mounts if mount.container_path == "/v")
    assert mount == Mount(container_path="/v", host_path="", read_only=True, image=image.id)
