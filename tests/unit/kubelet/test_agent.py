"""A node's kubelet as a whole: what it is in the API, and what outlives it, the API server and the machine."""

from collections.abc import AsyncIterator

import pytest

from podbay.api.resources import LEASES, NODES
from tests.unit.kubelet.support import NODE, House, condition, house, pod


@pytest.fixture
async def home() -> AsyncIterator[House]:
    async with house() as made:
        yield made


async def test_a_node_registers_and_keeps_its_lease(home: House) -> None:
    node = await home.admin.get(NODES, NODE)
    assert node["metadata"]["labels"]["kubernetes.io/hostname"] == NODE
    assert condition(node["status"], "Ready")["reason"] == "KubeletReady"
    assert node["status"]["capacity"]["cpu"] == "2"
    assert node["status"]["nodeInfo"]["containerRuntimeVersion"] == "fake://1.0"
    before = await home.admin.get(LEASES, NODE, namespace="kube-node-lease")
    await home.pass_time(10)
    after = await home.admin.get(LEASES, NODE, namespace="kube-node-lease")
    assert after["spec"]["renewTime"] > before["spec"]["renewTime"]
    assert after["spec"]["holderIdentity"] == NODE


async def test_an_idle_node_writes_only_its_lease(home: House) -> None:
    await home.pass_time(30)
    before = (await home.admin.get(NODES, NODE))["metadata"]["resourceVersion"]
    await home.pass_time(60)
    assert (await home.admin.get(NODES, NODE))["metadata"]["resourceVersion"] == before


async def test_a_kubelet_killed_and_started_again_adopts_its_pods(home: House) -> None:
    await home.run(pod(), pod("q"))
    calls = home.count("start_container"), home.count("run_sandbox")
    await home.kill_kubelet()
    await home.start_kubelet()
    await home.pass_time(30)
    assert (home.count("start_container"), home.count("run_sandbox")) == calls
    assert home.count("stop_container") == home.count("stop_sandbox") == 0
    assert (await home.container())["restartCount"] == 0


async def test_what_ended_while_no_kubelet_was_there_is_found(home: House) -> None:
    await home.run(pod(command=["sleep", "60"], restartPolicy="Never"))
    await home.kill_kubelet()
    await home.clock.advance(60)
    await home.start_kubelet()
    assert (await home.status())["phase"] == "Succeeded"


async def test_after_a_reboot_the_same_pods_run_again(home: House) -> None:
    await home.run(pod(), pod("once", restartPolicy="Never"))
    uid = (await home.pod())["metadata"]["uid"]
    await home.kill_kubelet()
    home.runtime.reboot()
    await home.start_kubelet()
    assert (await home.pod())["metadata"]["uid"] == uid
    main = await home.container()
    assert main["restartCount"] == 1 and "running" in main["state"]
    assert main["lastState"]["terminated"]["exitCode"] == 255
    assert (await home.status("once"))["phase"] == "Failed"


async def test_without_the_api_server_crashed_containers_are_restarted(home: House) -> None:
    await home.run(pod())
    home.link.is_cut = True
    (container,) = await home.runtime.containers()
    home.runtime.end_container(container.id, 1)
    await home.pass_time(1)
    assert home.count("start_container") == 2
    (sandbox,) = await home.runtime.sandboxes()
    home.runtime.end_sandbox(sandbox.id)
    await home.pass_time(30)
    assert home.count("run_sandbox") == 2
    home.link.is_cut = False
    await home.pass_time(30)
    assert (await home.container())["restartCount"] == 2
    assert (await home.status())["phase"] == "Running"


async def test_a_status_that_could_not_be_written_is_written_soon_after_the_server_is_back(home: House) -> None:
    home.link.is_cut = True
    home.runtime.go_down()
    await home.pass_time(5)
    home.link.is_cut = False
    await home.pass_time(10)
    assert condition((await home.admin.get(NODES, NODE))["status"], "Ready")["status"] == "False"
