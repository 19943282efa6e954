"""Pull secrets: whose credentials an image is pulled with, where they come from, and what is told of them."""

import base64
import json
from typing import Any

import pytest

from podbay.api.resources import PODS, SECRETS, SERVICE_ACCOUNTS
from podbay.cri.fake import Timing
from podbay.cri.runtime import PullCredentials
from tests.flow.cluster import Cluster, pod

IMAGE = "quay.io/team/app:1"
RIGHT = PullCredentials(username="me", password="right")
REFUSED = (
    f'failed to pull and unpack image "{IMAGE}": failed to resolve reference "{IMAGE}": pulling from host quay.io'
    " failed with status code [manifests 1]: 401 Unauthorized"
)


async def make_secret(cluster: Cluster, name: str, password: str = "right", place: str = "quay.io") -> None:
    auth = base64.b64encode(f"me:{password}".encode()).decode()
    body = {
        "apiVersion": "v1",
        "kind": "Secret",
        "metadata": {"name": name},
        "type": "kubernetes.io/dockerconfigjson",
        "stringData": {".dockerconfigjson": json.dumps({"auths": {place: {"auth": auth}}})},
    }
    await cluster.rest.create(SECRETS, body, namespace="default")


def private(*secrets: str, name: str = "p", image: str = IMAGE, **spec: Any) -> dict[str, Any]:
    if secrets:
        spec["imagePullSecrets"] = [{"name": secret} for secret in secrets]
    return pod(name, container={"image": image, "imagePullPolicy": "IfNotPresent"}, **spec)


async def waiting(cluster: Cluster, name: str = "p") -> dict[str, str]:
    state: dict[str, Any] = (await cluster.pod(name))["status"]["containerStatuses"][0]["state"]
    found: dict[str, str] = state["waiting"]
    return found


@pytest.fixture(autouse=True)
def registry(cluster: Cluster) -> None:
    cluster.runtimes["node-1"].private["quay.io"] = (RIGHT,)


async def test_a_pod_pulls_with_its_secret(cluster: Cluster) -> None:
    await make_secret(cluster, "s")
    await cluster.create(private("s"))
    assert await cluster.phase("p") == "Running"
    assert cluster.runtimes["node-1"].tried == [(IMAGE, RIGHT)]


async def test_a_wrong_password_is_told_as_the_registry_tells_it(cluster: Cluster) -> None:
    await make_secret(cluster, "s", "wrong")
    await cluster.create(private("s"))
    assert await waiting(cluster) == {"reason": "ErrImagePull", "message": REFUSED}
    assert ("Failed", f'Failed to pull image "{IMAGE}": {REFUSED}', 1) in await cluster.events_of("p")


async def test_a_password_can_be_rotated(cluster: Cluster) -> None:
    await make_secret(cluster, "old", "wrong")
    await make_secret(cluster, "new")
    await cluster.create(private("old", "new"))
    assert await cluster.phase("p") == "Running"
    assert [found and found.password for _, found in cluster.runtimes["node-1"].tried] == ["wrong", "right"]


async def test_a_secret_for_another_registry_is_not_shown_to_this_one(cluster: Cluster) -> None:
    await make_secret(cluster, "s", place="gcr.io")
    await cluster.create(private("s"))
    assert cluster.runtimes["node-1"].tried == [(IMAGE, None)]
    assert await waiting(cluster) == {"reason": "ErrImagePull", "message": REFUSED}


async def test_missing_secrets_are_told_and_the_pull_is_tried_all_the_same(cluster: Cluster) -> None:
    cluster.runtimes["node-1"].private.clear()
    await make_secret(cluster, "there")
    await cluster.create(private("a", "there", "", "b"))
    assert await cluster.phase("p") == "Running"
    told = "Unable to retrieve some image pull secrets (a, b); attempting to pull the image may not succeed."
    assert ("FailedToRetrieveImagePullSecret", told, 1) in await cluster.events_of("p")


async def test_a_secret_that_comes_later_is_used_by_the_next_try(cluster: Cluster) -> None:
    await cluster.create(private("s"))
    await make_secret(cluster, "s")
    assert await cluster.until_running("p") <= 11


async def test_a_secret_that_cannot_be_read_stands_in_the_status(cluster: Cluster) -> None:
    why = "unable to parse auth field, must be formatted as base64(username:password)"
    body = {
        "apiVersion": "v1",
        "kind": "Secret",
        "metadata": {"name": "s"},
        "type": "kubernetes.io/dockercfg",
        "stringData": {".dockercfg": json.dumps({"quay.io": {"auth": "me"}})},
    }
    await cluster.rest.create(SECRETS, body, namespace="default")
    await cluster.create(private("s"))
    assert await waiting(cluster) == {"reason": why, "message": why}
    assert ("Failed", f"Error: {why}", 1) in await cluster.events_of("p")


async def give_account(cluster: Cluster, name: str, *secrets: str) -> None:
    body = {"metadata": {"name": name}, "imagePullSecrets": [{"name": secret} for secret in secrets]}
    await cluster.rest.create(SERVICE_ACCOUNTS, body, namespace="default")


async def test_a_pod_that_names_no_secrets_is_given_its_accounts(cluster: Cluster) -> None:
    await make_secret(cluster, "s")
    await give_account(cluster, "builder", "s", "other")
    made = await cluster.create(private(serviceAccountName="builder"))
    assert made["spec"]["imagePullSecrets"] == [{"name": "s"}, {"name": "other"}]
    assert await cluster.phase("p") == "Running"


async def test_a_pod_that_names_some_keeps_them(cluster: Cluster) -> None:
    await give_account(cluster, "builder", "s")
    made = await cluster.create(private("own", serviceAccountName="builder"))
    assert made["spec"]["imagePullSecrets"] == [{"name": "own"}]


async def test_what_is_given_to_the_default_account_holds_for_pods_that_name_none(cluster: Cluster) -> None:
    patch = {"imagePullSecrets": [{"name": "s"}]}
    await cluster.rest.patch(SERVICE_ACCOUNTS, "default", patch, namespace="default")
    made = await cluster.create(private())
    assert made["spec"]["imagePullSecrets"] == [{"name": "s"}]


async def test_whoever_pulls_at_the_same_time_pulls_with_his_own_credentials(cluster: Cluster) -> None:
    runtime = cluster.runtimes["node-1"]
    runtime.timing = Timing(pull_s=5)
    await make_secret(cluster, "s")
    await cluster.create(private("s", name="mine"))
    yours = private(name="yours")
    yours["spec"]["containers"][0]["imagePullPolicy"] = "Always"
    await cluster.create(yours)
    await cluster.pass_time(11)
    assert await cluster.phase("mine") == "Running"
    assert runtime.tried == [(IMAGE, RIGHT), (IMAGE, None)]
    assert await cluster.phase("yours") == "Pending"


async def test_one_image_pulled_by_many_pods_is_pulled_once_after_another(cluster: Cluster) -> None:
    runtime = cluster.runtimes["node-1"]
    runtime.timing = Timing(pull_s=1)
    await make_secret(cluster, "s")
    names = [f"p{number}" for number in range(5)]
    for name in names:
        await cluster.create(private("s", name=name))
    await cluster.pass_time(4)
    assert [await cluster.phase(name) for name in names] == ["Running"] * 4 + ["Pending"]
    await cluster.pass_time(1)
    assert await cluster.phase("p4") == "Running"
    told = f'Successfully pulled image "{IMAGE}" in 1s (5s including waiting). Image size: 4096 bytes.'
    assert ("Pulled", told, 1) in await cluster.events_of("p4")


async def test_as_many_are_pulled_at_once_as_the_node_is_told(cluster: Cluster) -> None:
    await cluster.add_node("wide", serialize_image_pulls=False, max_parallel_image_pulls=2)
    runtime = cluster.runtimes["wide"]
    runtime.timing = Timing(pull_s=1)
    for number in range(3):
        await cluster.create(private(name=f"p{number}", image=f"gcr.io/app:{number}", nodeName="wide"))
    assert [name for name, _ in runtime.tried] == ["gcr.io/app:0", "gcr.io/app:1"]
    await cluster.pass_time(1)
    assert len(runtime.tried) == 3


async def test_a_slow_pull_holds_no_other_pod_up(cluster: Cluster) -> None:
    runtime = cluster.runtimes["node-1"]
    runtime.timing = Timing(pull_s=3600)
    runtime.add_image("gcr.io/here:1")
    await cluster.create(private(name="slow", image="gcr.io/slow:1"))
    await cluster.create(private(name="here", image="gcr.io/here:1"))
    assert await cluster.phase("here") == "Running"
    await cluster.rest.delete(PODS, "slow", namespace="default")
    await cluster.rest.delete(PODS, "here", namespace="default")
    await cluster.pass_time(31)
    assert not await cluster.exists(PODS, "slow", "default")
    assert not await cluster.exists(PODS, "here", "default")


@pytest.mark.parametrize(
    ("said", "reason", "message"),
    [
        (
            "RegistryUnavailable: no route",
            "RegistryUnavailable",
            f"image pull failed for {IMAGE} because the registry is unavailable: no route",
        ),
        (
            "SignatureValidationFailed: not signed",
            "SignatureValidationFailed",
            f"image pull failed for {IMAGE} because the signature validation failed: not signed",
        ),
    ],
)
async def test_reasons_that_the_runtime_gives_are_the_pods(
    cluster: Cluster, said: str, reason: str, message: str
) -> None:
    cluster.runtimes["node-1"].fail("pull_image", "UNKNOWN", said)
    await cluster.create(private())
    assert await waiting(cluster) == {"reason": reason, "message": message}
    await cluster.pass_time(5)
    assert await waiting(cluster) == {
        "reason": "ImagePullBackOff",
        "message": f'Back-off pulling image "{IMAGE}": {reason}: {message}',
    }
