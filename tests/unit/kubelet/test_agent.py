from collections.abc import AsyncIterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from podbay.api.resources import EVENTS, LEASES, NODES, PODS
from podbay.cri.runtime import Container, ContainerState, DnsConfig, Mount, RuntimeEvent, RuntimeHandler, UserNamespace
from podbay.kubelet.agent import Kubelet
from podbay.kubelet.config import KubeletConfig
from tests.unit.kubelet.support import MACHINE, NODE, House, Object, condition, house, pod


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


async def test_a_pod_runs_and_its_status_and_events_say_so(home: House) -> None:
    await home.run(pod())
    status = await home.status()
    assert status["phase"] == "Running" and status["qosClass"] == "BestEffort"
    assert status["podIP"] == status["podIPs"][0]["ip"] == "10.244.0.2"
    assert status["hostIP"] == "192.0.2.1" and status["startTime"]
    kinds = ("PodReadyToStartContainers", "Initialized", "Ready", "ContainersReady", "PodScheduled")
    assert {kind: condition(status, kind)["status"] for kind in kinds} == dict.fromkeys(kinds, "True")
    main = status["containerStatuses"][0]
    assert main["ready"] and main["started"] and main["restartCount"] == 0
    assert list(main["state"]) == ["running"] and main["containerID"].startswith("fake://")
    assert await home.reasons() == ["Pulling", "Pulled", "Created", "Started"]


async def test_containers_start_in_the_order_of_the_spec(home: House) -> None:
    both = pod()
    both["spec"]["containers"].append({"name": "second", "image": "busybox"})
    await home.run(both)
    assert [home.runtime.configs[key].name for key in home.runtime.configs] == ["main", "second"]


async def test_a_pod_that_ends_well_succeeds(home: House) -> None:
    await home.run(pod(command=["sleep", "5"], restartPolicy="Never"))
    await home.pass_time(5)
    status = await home.status()
    assert status["phase"] == "Succeeded"
    state = status["containerStatuses"][0]["state"]["terminated"]
    assert (state["exitCode"], state["reason"]) == (0, "Completed")
    assert condition(status, "Ready")["reason"] == "PodCompleted"


async def test_a_pod_that_must_not_restart_fails(home: House) -> None:
    await home.run(pod(command=["false"], restartPolicy="Never"))
    status = await home.status()
    assert status["phase"] == "Failed"
    assert status["containerStatuses"][0]["state"]["terminated"]["reason"] == "Error"
    await home.pass_time(600)
    assert home.count("start_container") == 1


async def test_on_failure_restarts_only_what_failed(home: House) -> None:
    await home.run(pod(command=["true"], restartPolicy="OnFailure"))
    assert (await home.status())["phase"] == "Succeeded"
    assert home.count("start_container") == 1


async def test_crashes_back_off_from_ten_seconds_to_five_minutes(home: House) -> None:
    await home.run(pod(command=["false"]))
    starts, at = [], 0.0
    known = home.count("start_container")
    for _ in range(1100):
        await home.pass_time(1)
        at += 1
        if home.count("start_container") > known:
            starts.append(at)
            known = home.count("start_container")
    gaps = [later - earlier for earlier, later in zip([0.0, *starts], starts, strict=False)]
    assert gaps == [10, 20, 40, 80, 160, 300, 300]
    main = await home.container()
    assert main["restartCount"] == 8
    uid = (await home.pod())["metadata"]["uid"]
    assert main["state"]["waiting"] == {
        "reason": "CrashLoopBackOff",
        "message": f"back-off 5m0s restarting failed container=main pod=p_default({uid})",
    }
    assert main["lastState"]["terminated"]["exitCode"] == 1
    assert ("Warning", "BackOff", f"Back-off restarting failed container main in pod p_default({uid})") in (
        await home.told()
    )


async def test_the_runtime_keeps_the_last_two_incarnations_and_after_a_while_one(home: House) -> None:
    await home.run(pod(command=["false"]))
    await home.pass_time(155)
    assert sorted(c.attempt for c in await home.runtime.containers()) == [4, 5]
    before = await home.status()
    await home.pass_time(45)
    assert sorted(c.attempt for c in await home.runtime.containers()) == [5]
    assert await home.status() == before


async def test_what_was_told_of_a_container_outlives_its_removal(home: House) -> None:
    await home.run(pod(command=["sh", "-c", "sleep 3; exit 1"]))
    await home.pass_time(4)
    await home.pass_time(70)
    [container] = await home.runtime.containers()
    assert container.state is ContainerState.EXITED
    assert (await home.container())["restartCount"] == container.attempt > 0


async def test_a_superseded_sandbox_goes_once_nothing_is_in_it(home: House) -> None:
    await home.run(pod())
    [first] = await home.runtime.sandboxes()
    home.runtime.end_sandbox(first.id)
    await home.pass_time(1)
    assert len(await home.runtime.sandboxes()) == 2
    [new] = [s for s in await home.runtime.sandboxes() if s.ready]
    home.runtime.end_sandbox(new.id)
    await home.pass_time(130)
    sandboxes = await home.runtime.sandboxes()
    assert first.id not in [s.id for s in sandboxes]
    assert sorted(s.attempt for s in sandboxes) == [1, 2]


async def test_a_runtime_that_does_not_tell_what_it_has_is_told_of(home: House) -> None:
    await home.run(pod(command=["sleep", "50"]))
    home.runtime.fail("sandboxes", "UNKNOWN", "no", times=100)
    await home.pass_time(61)
    told = (await home.admin.list(EVENTS, namespace="default"))["items"]
    assert ("ContainerGCFailed", "rpc error: code = Unknown desc = no") in [(e["reason"], e["message"]) for e in told]


async def test_a_container_out_of_memory_is_called_so(home: House) -> None:
    await home.run(pod(restartPolicy="Never"))
    (container,) = await home.runtime.containers()
    home.runtime.end_container(container.id, 137, oom=True)
    await home.activity.idle()
    state = (await home.container())["state"]["terminated"]
    assert (state["exitCode"], state["reason"]) == (137, "OOMKilled")


async def test_a_pod_is_deleted_with_its_grace(home: House) -> None:
    await home.run(pod(command=["sleep", "1000"]))
    await home.delete(grace_s=20)
    await home.pass_time(19)
    assert not await home.is_gone()
    assert (await home.pod())["metadata"]["deletionGracePeriodSeconds"] == 20
    await home.pass_time(1)
    assert await home.is_gone()
    assert await home.runtime.sandboxes() == [] and await home.runtime.containers() == []
    assert ("Normal", "Killing", "Stopping container main") in await home.told()


async def test_a_shorter_grace_takes_effect_at_once(home: House) -> None:
    await home.run(pod(command=["sleep", "1000"]))
    await home.delete(grace_s=600)
    await home.pass_time(2)
    await home.delete(grace_s=1)
    await home.pass_time(1)
    assert not await home.is_gone()  # two seconds are the least
    await home.pass_time(1)
    assert await home.is_gone()


async def test_a_pod_forgotten_by_force_is_stopped_all_the_same(home: House) -> None:
    await home.run(pod())
    await home.delete(grace_s=0)
    assert await home.is_gone()
    assert await home.runtime.sandboxes() == []


async def test_a_pod_of_the_same_name_is_another_one(home: House) -> None:
    await home.run(pod())
    first = (await home.pod())["metadata"]["uid"]
    await home.delete(grace_s=0)
    await home.run(pod())
    assert (await home.pod())["metadata"]["uid"] != first
    assert (await home.status())["phase"] == "Running"
    assert (await home.container())["restartCount"] == 0


async def test_a_pod_deleted_while_its_image_is_pulled_does_not_wait_for_it() -> None:
    from podbay.cri.fake import Timing

    async with house(timing=Timing(pull_s=3600)) as home:
        await home.admin.create(PODS, pod(), namespace="default")
        await home.clock.advance(1)
        await home.admin.delete(PODS, "p", namespace="default")
        await home.activity.idle()
        assert await home.is_gone()


async def test_a_changed_image_makes_the_container_anew(home: House) -> None:
    await home.run(pod(restartPolicy="Never"))
    patch = {"spec": {"containers": [{"name": "main", "image": "busybox:2"}]}}
    await home.admin.patch(PODS, "p", patch, namespace="default")
    await home.activity.idle()
    main = await home.container()
    assert main["restartCount"] == 1 and main["image"].endswith("busybox:2") and "running" in main["state"]
    assert ("Normal", "Killing", "Container main definition changed, will be restarted") in await home.told()


async def test_a_change_that_the_answer_to_a_status_brings_is_acted_upon(home: House) -> None:
    await home.run(pod(image="busybox:1"))
    write = home.kubelet.status_writer.write

    async def write_and_hear_of_a_change(obj: Mapping[str, Any], status: Object) -> Object | None:
        home.kubelet.status_writer.write = write  # type: ignore[method-assign]
        written = await write(obj, status)
        assert written is not None
        later = {**written["metadata"], "resourceVersion": str(int(written["metadata"]["resourceVersion"]) + 1)}
        containers = [{**written["spec"]["containers"][0], "image": "busybox:2"}]
        return {**written, "metadata": later, "spec": {**written["spec"], "containers": containers}}

    home.kubelet.status_writer.write = write_and_hear_of_a_change  # type: ignore[method-assign, assignment]
    (container,) = await home.runtime.containers()
    home.runtime.end_container(container.id, 1)
    assert ("Normal", "Killing", "Container main definition changed, will be restarted") in await home.told()


async def test_a_pods_start_asks_the_runtime_only_for_what_it_needs(home: House) -> None:
    home.runtime.add_image("docker.io/library/busybox:latest")
    home.runtime.calls.clear()
    await home.run(pod())
    assert home.runtime.calls == [
        "run_sandbox",
        "sandbox_status",
        "image",
        "create_container",
        "start_container",
        "container_status",
    ]


async def test_a_pods_start_writes_its_status_twice(home: House) -> None:
    await home.run()
    home.link.sent.clear()
    await home.run(pod())
    statuses = [request for request in home.link.sent if request.endswith("/pods/p/status")]
    assert statuses == ["PATCH /api/v1/namespaces/default/pods/p/status"] * 2


async def test_a_sandbox_resolves_names_as_the_host_does_when_it_is_made(home: House) -> None:
    home.dns = DnsConfig(servers=["192.0.2.1"], searches=["home"])
    await home.run(pod())
    home.dns = DnsConfig(servers=["192.0.2.2"], searches=["office"])
    await home.run(pod("q"))
    made = {config.name: config.dns for config in home.runtime.sandbox_configs.values()}
    assert made["p"] == DnsConfig(servers=["192.0.2.1"], searches=["home"])
    assert made["q"] == home.dns


async def test_a_dead_sandbox_is_made_anew_with_its_containers(home: House) -> None:
    await home.run(pod())
    (sandbox,) = await home.runtime.sandboxes()
    home.runtime.end_sandbox(sandbox.id)
    await home.pass_time(1)
    assert [s.attempt for s in await home.runtime.sandboxes() if s.ready] == [1]
    assert (await home.container())["restartCount"] == 1
    assert (await home.status())["phase"] == "Running"
    assert "SandboxChanged" in await home.reasons()


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


async def test_pods_deleted_while_no_kubelet_was_there_are_swept(home: House) -> None:
    await home.run(pod())
    await home.kill_kubelet()
    await home.delete(grace_s=0)
    await home.start_kubelet()
    assert await home.runtime.sandboxes() == [] and await home.runtime.containers() == []


async def test_the_runtime_is_swept_at_start_after_each_loss_and_twice_more_later(home: House) -> None:
    assert home.sweeps == 1
    await home.pass_time(20)
    assert home.sweeps == 2
    home.runtime.go_down()
    await home.pass_time(5)
    home.runtime.come_back()
    await home.pass_time(5)
    assert home.sweeps == 3
    await home.pass_time(10)
    assert home.sweeps == 4
    await home.pass_time(600)
    assert home.sweeps == 6  # the last one of the start, and the last one of the loss


async def test_nothing_is_touched_before_the_pods_were_heard(home: House) -> None:
    await home.run(pod())
    await home.kill_kubelet()
    await home.delete(grace_s=0)
    await home.start_kubelet(is_cut=True)
    swept = home.sweeps
    await home.pass_time(600)
    assert home.sweeps == swept
    assert [c.state for c in await home.runtime.containers()] == [ContainerState.RUNNING]
    assert [s.ready for s in await home.runtime.sandboxes()] == [True]
    home.link.is_cut = False
    await home.pass_time(60)
    assert await home.runtime.sandboxes() == []


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


async def test_a_runtime_killed_and_back_restarts_nothing(home: House) -> None:
    await home.run(pod())
    home.runtime.go_down()
    await home.pass_time(30)
    assert condition((await home.admin.get(NODES, NODE))["status"], "Ready")["status"] == "False"
    home.runtime.come_back()
    await home.pass_time(30)
    assert home.count("start_container") == 1
    assert condition((await home.admin.get(NODES, NODE))["status"], "Ready")["status"] == "True"


async def test_ends_while_the_runtime_was_away_are_found(home: House) -> None:
    await home.run(pod(command=["sleep", "60"], restartPolicy="Never"))
    home.runtime.go_down()
    await home.pass_time(60)
    home.runtime.come_back()
    await home.pass_time(5)
    assert (await home.status())["phase"] == "Succeeded"


async def test_a_container_that_was_superseded_takes_its_log_and_its_last_words_along(tmp_path: Path) -> None:
    made = House()
    config = KubeletConfig(node_name=NODE, address="192.0.2.1", root=tmp_path / "kubelet", log_root=tmp_path / "logs")
    kubelet = Kubelet(made.admin, made.runtime, config, made.clock, made.activity, MACHINE)
    logs = tmp_path / "logs" / "default_p_u" / "main"
    words = tmp_path / "kubelet" / "pods" / "u" / "containers" / "main"
    for directory in (logs, words):
        directory.mkdir(parents=True)
    for attempt in (0, 1):
        (logs / f"{attempt}.log").touch()
        (words / str(attempt)).touch()
    labels = {"io.kubernetes.pod.name": "p", "io.kubernetes.pod.namespace": "default", "io.kubernetes.pod.uid": "u"}
    first = Container(
        id="c", sandbox_id="s", name="main", attempt=0, state=ContainerState.EXITED, created_at=1, labels=labels
    )
    await kubelet.remover.remove_container("u", first)
    assert "remove_container" in made.runtime.calls
    assert [path.name for path in (*logs.iterdir(), *words.iterdir())] == ["1.log", "1"]
    await made.store.close()


async def test_a_status_that_could_not_be_written_is_written_soon_after_the_server_is_back(home: House) -> None:
    home.link.is_cut = True
    home.runtime.go_down()
    await home.pass_time(5)
    home.link.is_cut = False
    await home.pass_time(10)
    assert condition((await home.admin.get(NODES, NODE))["status"], "Ready")["status"] == "False"


async def test_a_fault_in_the_runtimes_events_makes_no_kubelet_deaf(home: House) -> None:
    events = home.runtime.events

    async def broken() -> AsyncIterator[RuntimeEvent]:
        home.runtime.events = events  # type: ignore[method-assign]
        raise ValueError("a frame that nobody understands")
        yield

    await home.run(pod(restartPolicy="Never"))
    await home.kill_kubelet()
    home.runtime.events = broken  # type: ignore[method-assign]
    await home.start_kubelet()
    await home.pass_time(5)
    (container,) = await home.runtime.containers()
    home.runtime.end_container(container.id, 0)
    await home.activity.idle()
    assert (await home.status())["phase"] == "Succeeded"


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
