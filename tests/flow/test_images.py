"""Images: what is pulled when, what a pod says while its image is missing, and when it is tried again."""

from typing import Any

from podbay.api.resources import PODS
from tests.flow.cluster import Cluster, condition, pod

REFUSED = (
    'rpc error: code = NotFound desc = failed to pull and unpack image "docker.io/library/absent:1": failed to resolve'
    ' reference "docker.io/library/absent:1": docker.io/library/absent:1: not found'
)


def absent(name: str = "p", image: str = "absent:1", policy: str = "IfNotPresent", **spec: Any) -> dict[str, Any]:
    return pod(name, container={"image": image, "imagePullPolicy": policy}, **spec)


async def waiting(cluster: Cluster, name: str = "p") -> dict[str, str]:
    state: dict[str, Any] = (await cluster.pod(name))["status"]["containerStatuses"][0]["state"]
    found: dict[str, str] = state["waiting"]
    return found


async def test_an_image_that_is_there_is_not_pulled(cluster: Cluster) -> None:
    cluster.runtimes["node-1"].add_image("docker.io/library/here:1")
    await cluster.create(absent(image="here:1"))
    told = await cluster.events_of("p")
    assert [reason for reason, _, _ in told] == ["Scheduled", "Pulled", "Created", "Started"]
    assert ("Pulled", 'Container image "here:1" already present on machine', 1) in told
    assert "pull_image" not in cluster.runtimes["node-1"].calls


async def test_policy_always_pulls_what_is_there_and_never_asks_first(cluster: Cluster) -> None:
    image = cluster.runtimes["node-1"].add_image("docker.io/library/here:latest", size_bytes=12345)
    cluster.runtimes["node-1"].calls.clear()
    await cluster.create(pod("p", container={"image": "here"}))
    told = await cluster.events_of("p")
    assert [reason for reason, _, _ in told] == ["Scheduled", "Pulling", "Pulled", "Created", "Started"]
    assert ("Pulling", 'Pulling image "here"', 1) in told
    pulled = 'Successfully pulled image "here" in 0s (0s including waiting). Image size: 4096 bytes.'
    assert ("Pulled", pulled, 1) in told
    status = (await cluster.pod("p"))["status"]["containerStatuses"][0]
    assert status["image"] == "docker.io/library/here:latest"
    assert status["imageID"] == image.digests[0]


async def test_a_missing_image_is_tried_again_after_ten_seconds_then_twice_as_long(cluster: Cluster) -> None:
    runtime = cluster.runtimes["node-1"]
    runtime.pullable = ()
    await cluster.create(absent())
    assert await waiting(cluster) == {"reason": "ErrImagePull", "message": REFUSED}
    assert (await cluster.pod("p"))["status"]["phase"] == "Pending"
    assert ("Failed", f'Failed to pull image "absent:1": {REFUSED}', 1) in await cluster.events_of("p")
    assert ("Failed", "Error: ErrImagePull", 1) in await cluster.events_of("p")

    await cluster.pass_time(5)
    assert await waiting(cluster) == {
        "reason": "ImagePullBackOff",
        "message": f'Back-off pulling image "absent:1": ErrImagePull: {REFUSED}',
    }
    assert ("BackOff", 'Back-off pulling image "absent:1"', 1) in await cluster.events_of("p")
    assert ("Failed", "Error: ImagePullBackOff", 1) in await cluster.events_of("p")

    pulls: list[float] = []

    def pulled() -> int:
        count = runtime.calls.count("pull_image")
        pulls.extend([cluster.clock.monotonic()] * (count - len(pulls)))
        return count >= 8

    began = cluster.clock.monotonic() - 5
    await cluster.until(pulled, within_s=3600)
    assert [round(moment - began) for moment in pulls[1:]] == [10, 30, 70, 150, 310, 610, 910]


async def test_a_missing_image_that_comes_is_run(cluster: Cluster) -> None:
    runtime = cluster.runtimes["node-1"]
    runtime.pullable = ()
    await cluster.create(absent())
    runtime.pullable = ("docker.io/library/absent:1",)
    began = cluster.clock.monotonic()
    assert await cluster.until_running("p") - began == 10
    assert (await cluster.pod("p"))["status"]["containerStatuses"][0]["restartCount"] == 0


async def test_policy_never_waits_for_the_image_and_says_so(cluster: Cluster) -> None:
    await cluster.create(absent(policy="Never"))
    message = 'Container image "absent:1" is not present with pull policy of Never'
    assert await waiting(cluster) == {"reason": "ErrImageNeverPull", "message": message}
    told = await cluster.events_of("p")
    assert ("ErrImageNeverPull", message, 1) in told
    assert ("Failed", "Error: ErrImageNeverPull", 1) in told
    assert "pull_image" not in cluster.runtimes["node-1"].calls
    cluster.runtimes["node-1"].add_image("docker.io/library/absent:1")
    await cluster.until_running("p", within_s=60)


async def test_a_name_that_is_no_image_name_is_told_and_never_pulled(cluster: Cluster) -> None:
    await cluster.create(absent(image="Upper:1"))
    message = (
        'Failed to apply default image tag "Upper:1": couldn\'t parse image name "Upper:1": invalid reference format:'
        " repository name (library/Upper) must be lowercase"
    )
    assert await waiting(cluster) == {"reason": "InvalidImageName", "message": message}
    told = await cluster.events_of("p")
    assert ("InspectFailed", message, 1) in told
    assert ("Failed", "Error: InvalidImageName", 1) in told
    assert "pull_image" not in cluster.runtimes["node-1"].calls


async def test_an_image_that_cannot_be_looked_at_is_told(cluster: Cluster) -> None:
    cluster.runtimes["node-1"].fail("image", "UNKNOWN", "no space left on device")
    await cluster.create(absent(image="here:1"))
    message = 'Failed to inspect image "here:1": rpc error: code = Unknown desc = no space left on device'
    assert await waiting(cluster) == {"reason": "ImageInspectError", "message": message}
    assert ("InspectFailed", message, 1) in await cluster.events_of("p")
    await cluster.until_running("p")


async def test_one_missing_image_does_not_hold_the_other_containers_up(cluster: Cluster) -> None:
    cluster.runtimes["node-1"].pullable = ("docker.io/library/here:1",)
    both = absent()
    both["spec"]["containers"].append({"name": "other", "image": "here:1"})
    await cluster.create(both)
    states = {s["name"]: list(s["state"]) for s in (await cluster.pod("p"))["status"]["containerStatuses"]}
    assert states == {"main": ["waiting"], "other": ["running"]}
    p = await cluster.pod("p")
    assert p["status"]["phase"] == "Pending"
    assert condition(p, "ContainersReady")["message"] == "containers with unready status: [main]"


async def test_a_pod_that_waits_for_its_image_can_be_deleted_at_once(cluster: Cluster) -> None:
    cluster.runtimes["node-1"].pullable = ()
    await cluster.create(absent())
    await cluster.pass_time(15)
    await cluster.rest.delete(PODS, "p", namespace="default")
    await cluster.settle()
    assert not await cluster.exists(PODS, "p", "default")
    assert await cluster.runtimes["node-1"].sandboxes() == []


async def test_a_changed_image_is_pulled_without_waiting_for_the_old_ones_back_off(cluster: Cluster) -> None:
    runtime = cluster.runtimes["node-1"]
    runtime.pullable = ("docker.io/library/here:1",)
    await cluster.create(absent())
    await cluster.pass_time(100)
    patch = {"spec": {"containers": [{"name": "main", "image": "here:1"}]}}
    await cluster.rest.patch(PODS, "p", patch, namespace="default")
    await cluster.settle()
    assert await cluster.phase("p") == "Running"
