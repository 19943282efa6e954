"""Static pods on a kubelet: they run by their files alone, and the API shows them by mirrors."""

import json
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from podbay.api.errors import NotFound
from podbay.api.mirror_pods import MIRROR, SEEN
from podbay.api.resources import EVENTS, NODES, PODS
from podbay.cri.runtime import ContainerState
from tests.unit.kubelet.support import NODE, House, Object, condition, house, pod

NAME = f"web-{NODE}"


@pytest.fixture
async def home(tmp_path: Path) -> AsyncIterator[House]:
    async with house(static_pod_path=tmp_path) as made:
        yield made


def write(home: House, *command: str, file: str = "web.yaml", **spec: object) -> None:
    assert home.static_pod_path is not None
    container: Object = {"name": "main", "image": "busybox:1", "command": list(command) or ["sleep", "100000"]}
    pod = {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "web"}, "spec": {"containers": [container], **spec}}
    (home.static_pod_path / file).write_text(json.dumps(pod))


async def containers(home: House) -> list[str]:
    return [container.id for container in await home.runtime.containers()]


async def test_a_file_is_a_pod_that_the_api_shows(home: House) -> None:
    write(home)
    await home.pass_time(20)
    mirror = await home.pod(NAME)
    uid = (await home.admin.get(NODES, NODE))["metadata"]["uid"]
    owner = {"apiVersion": "v1", "kind": "Node", "name": NODE, "uid": uid, "controller": True}
    assert mirror["metadata"]["ownerReferences"] == [owner]
    static = home.kubelet.find_pod("default", NAME)
    assert static is not None
    assert mirror["metadata"]["annotations"][MIRROR] == static["metadata"]["uid"] != mirror["metadata"]["uid"]
    assert mirror["metadata"]["annotations"][SEEN].startswith("2026-01-01T00:00:20")
    assert "serviceAccountName" not in mirror["spec"]
    status = mirror["status"]
    assert (status["phase"], condition(status, "Ready")["status"]) == ("Running", "True")
    assert condition(status, "PodScheduled")["status"] == "True"
    assert [sandbox.uid for sandbox in await home.runtime.sandboxes()] == [static["metadata"]["uid"]]
    assert await home.reasons(NAME) == ["Pulling", "Pulled", "Created", "Started"]


@pytest.mark.parametrize("grace_s", [0, None])
async def test_a_mirror_that_is_deleted_comes_again_and_nothing_ends(home: House, grace_s: int | None) -> None:
    write(home)
    await home.pass_time(20)
    before, mirror = await containers(home), await home.pod(NAME)
    await home.delete(NAME, grace_s=grace_s)
    assert await home.is_gone(NAME)  # for as long as a kubectl that waits for it may look
    await home.pass_time(1)
    again = await home.pod(NAME)
    assert again["metadata"]["uid"] != mirror["metadata"]["uid"] and "deletionTimestamp" not in again["metadata"]
    assert again["status"]["containerStatuses"] == mirror["status"]["containerStatuses"]
    assert await containers(home) == before


async def test_a_changed_file_is_another_pod_that_begins_when_the_one_before_it_has_ended(home: House) -> None:
    write(home, terminationGracePeriodSeconds=5)
    await home.pass_time(20)
    before, mirror = await containers(home), await home.pod(NAME)
    write(home, terminationGracePeriodSeconds=6)
    await home.pass_time(20)
    assert await containers(home) == before  # it has five seconds to end
    assert (await home.pod(NAME))["metadata"]["uid"] == mirror["metadata"]["uid"]
    await home.pass_time(5)
    (after,) = await containers(home)
    changed = await home.pod(NAME)
    assert after not in before
    assert changed["spec"]["terminationGracePeriodSeconds"] == 6
    assert changed["status"]["containerStatuses"][0]["containerID"].endswith(after)


async def test_without_its_file_a_pod_ends_with_its_grace_and_its_mirror_goes(home: House) -> None:
    write(home, terminationGracePeriodSeconds=7)
    await home.pass_time(20)
    assert home.static_pod_path is not None
    (home.static_pod_path / "web.yaml").unlink()
    await home.pass_time(26)
    assert not await home.is_gone(NAME)
    await home.pass_time(1)
    assert await home.is_gone(NAME)
    assert await home.runtime.sandboxes() == []


async def test_a_bad_file_is_told_once_and_harms_no_other(home: House) -> None:
    write(home)
    assert home.static_pod_path is not None
    (home.static_pod_path / "bad.yaml").write_text("kind: Nothing")
    await home.pass_time(100)
    assert (await home.status(NAME))["phase"] == "Running"
    events = (await home.admin.list(EVENTS, namespace="default"))["items"]
    (told,) = [event for event in events if event["reason"] == "FailedValidation"]
    assert told["involvedObject"]["name"] == NODE and told["count"] == 1
    assert told["message"].startswith(
        f"Could not process manifest file {home.static_pod_path}/bad.yaml: couldn't parse"
    )


async def test_while_the_api_server_is_away_pods_start_and_change_and_it_hears_of_them_later(home: House) -> None:
    home.link.is_cut = True
    write(home, terminationGracePeriodSeconds=2)
    await home.pass_time(20)
    assert await home.is_gone(NAME) and len(await containers(home)) == 1
    write(home, terminationGracePeriodSeconds=1)
    await home.pass_time(22)
    assert len(await containers(home)) == 1
    home.link.is_cut = False
    await home.pass_time(20)
    assert (await home.status(NAME))["containerStatuses"][0]["containerID"].endswith((await containers(home))[0])
    assert (await home.pod(NAME))["spec"]["terminationGracePeriodSeconds"] == 1


async def test_a_kubelet_that_starts_without_the_api_server_runs_them_and_restarts_what_ends(home: House) -> None:
    await home.kill_kubelet()
    write(home, "sleep", "30")
    await home.start_kubelet(is_cut=True)
    assert home.count("start_container") == 1
    await home.pass_time(30)
    assert home.count("start_container") == 2
    home.link.is_cut = False
    await home.pass_time(25)
    assert (await home.container(NAME))["restartCount"] == 1


async def test_a_kubelet_that_starts_again_adopts_what_runs_and_its_mirror(home: House) -> None:
    write(home)
    await home.pass_time(20)
    before, mirror = await containers(home), await home.pod(NAME)
    await home.kill_kubelet()
    await home.start_kubelet()
    await home.pass_time(60)
    assert await containers(home) == before
    assert home.count("start_container") == 1
    assert (await home.pod(NAME))["metadata"]["uid"] == mirror["metadata"]["uid"]
    assert (await home.status(NAME))["startTime"] == mirror["status"]["startTime"]


async def test_a_pod_that_has_succeeded_stays_so_and_a_new_mirror_says_it_too(home: House) -> None:
    write(home, "true", restartPolicy="Never")
    await home.pass_time(20)
    assert (await home.status(NAME))["phase"] == "Succeeded"
    await home.delete(NAME)
    await home.pass_time(5)
    assert (await home.status(NAME))["phase"] == "Succeeded"
    await home.kill_kubelet()
    await home.start_kubelet()
    await home.pass_time(60)
    assert home.count("start_container") == 1


async def test_a_mirror_pod_that_shows_nothing_goes(home: House) -> None:
    stray: Object = {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": "stray", "namespace": "default", "annotations": {MIRROR: "x"}},
        "spec": {"nodeName": NODE, "containers": [{"name": "c", "image": "i:1"}]},
    }
    await home.admin.create(PODS, stray, namespace="default")
    await home.activity.idle()
    with pytest.raises(NotFound):
        await home.pod("stray")
    assert await home.runtime.sandboxes() == []


async def test_room_is_made_for_a_static_pod_also_while_the_api_server_is_away(home: House) -> None:
    asking: Object = {"name": "main", "image": "busybox:1", "resources": {"requests": {"cpu": "2"}}}
    await home.run(pod("fills", containers=[asking]))
    (filling,) = await containers(home)
    home.link.is_cut = True
    write(home, containers=[asking])
    await home.pass_time(60)
    running = [each.id for each in await home.runtime.containers() if each.state is ContainerState.RUNNING]
    assert len(running) == 1 and running != [filling]
    home.link.is_cut = False
    await home.pass_time(60)
    assert (await home.status("fills"))["reason"] == "Preempting"
    assert (await home.status(NAME))["phase"] == "Running"
