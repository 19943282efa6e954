"""Images of registries that ask for a password: whose pod gets them, and what the others are told."""

import json
import re
from collections.abc import Iterator
from typing import Any

import pytest

from podbay.api.resources import SECRETS, SERVICE_ACCOUNTS
from tests.e2e.harness import SLEEP, RealCluster, pod, until
from tests.e2e.harness import shell as cluster_shell
from tests.e2e.node import FOREVER, Node, shell
from tests.e2e.registry import PASSWORD, Registry, private_registry, pull_secret

Object = dict[str, Any]


@pytest.fixture(scope="module")
def registries(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Registry, Registry]]:
    directory = tmp_path_factory.mktemp("registries")
    with private_registry(directory / "one", "me") as one, private_registry(directory / "two", "you") as two:
        yield one, two


@pytest.fixture
def registry(registries: tuple[Registry, Registry]) -> Registry:
    return registries[0]


async def make_secret(node: Node, name: str, users: dict[str, str], password: str = PASSWORD) -> None:
    await node.admin.create(SECRETS, pull_secret(name, users, password), namespace="default")


async def pull(node: Node, image: str, *secrets: str, name: str = "p", **spec: Any) -> None:
    if secrets:
        spec["imagePullSecrets"] = [{"name": secret} for secret in secrets]
    await node.create(shell(FOREVER, image=image, imagePullPolicy="IfNotPresent"), name=name, **spec)


async def refused(node: Node, name: str = "p") -> str:
    """Return what a pod says of its image when it waits for the next try."""
    message: str = (await node.waits("ImagePullBackOff", name))["message"]
    return message


async def test_a_pod_with_the_right_secret_gets_its_image(node: Node, registry: Registry) -> None:
    registry.push("right/app")
    image = f"{registry.host}/right/app:1"
    await make_secret(node, "s", {registry.host: "me"})
    await pull(node, image, "s")
    status = await node.running()
    assert status["containerStatuses"][0]["image"] == image
    await node.told("Started", "Started container main")
    told = dict(await node.events())
    assert told["Pulling"] == f'Pulling image "{image}"'
    assert re.fullmatch(
        rf'Successfully pulled image "{image}" in \S+s \(\S+s including waiting\)\. Image size: \d+ bytes\.',
        told["Pulled"],
    )


async def test_a_pod_with_a_wrong_password_is_told_what_the_registry_says(node: Node, registry: Registry) -> None:
    registry.push("wrong/app")
    image = f"{registry.host}/wrong/app:1"
    await make_secret(node, "s", {registry.host: "me"}, "wrong")
    await pull(node, image, "s")
    failure = (
        f'failed to pull and unpack image "{image}": failed to resolve reference "{image}": pulling from host'
        f" {registry.host} failed with status code [manifests 1]: 401 Unauthorized"
    )
    assert await refused(node) == f'Back-off pulling image "{image}": ErrImagePull: {failure}'
    await node.told("Failed", f'Failed to pull image "{image}": {failure}')
    await node.told("Failed", "Error: ErrImagePull")
    await node.told("BackOff", f'Back-off pulling image "{image}"')
    await node.told("Failed", "Error: ImagePullBackOff")


async def test_a_pod_without_a_secret_gets_nothing(node: Node, registry: Registry) -> None:
    registry.push("none/app")
    image = f"{registry.host}/none/app:1"
    await pull(node, image)
    assert (await refused(node)).endswith("401 Unauthorized")


async def test_a_secret_that_is_not_there_is_told_and_one_that_is_there_serves(node: Node, registry: Registry) -> None:
    registry.push("missing/app")
    await make_secret(node, "there", {registry.host: "me"})
    await pull(node, f"{registry.host}/missing/app:1", "absent", "there")
    await node.running()
    said = "Unable to retrieve some image pull secrets (absent); attempting to pull the image may not succeed."
    await node.told("FailedToRetrieveImagePullSecret", said)


async def test_the_secret_may_be_the_service_accounts(node: Node, registry: Registry) -> None:
    registry.push("account/app")
    await make_secret(node, "s", {registry.host: "me"})
    account = {"metadata": {"name": "builder"}, "imagePullSecrets": [{"name": "s"}]}
    await node.admin.create(SERVICE_ACCOUNTS, account, namespace="default")
    await pull(node, f"{registry.host}/account/app:1", serviceAccountName="builder")
    await node.running()


async def test_each_registry_sees_its_own_user(node: Node, registries: tuple[Registry, Registry]) -> None:
    one, two = registries
    for registry in registries:
        registry.push("both/app")
    await make_secret(node, "s", {one.host: "me", two.host: "you"})
    containers = [
        shell(FOREVER, name, image=f"{registry.host}/both/app:1", imagePullPolicy="Always")
        for name, registry in (("one", one), ("two", two))
    ]
    await node.create(*containers, imagePullSecrets=[{"name": "s"}])
    await node.running()
    await node.delete()
    for registry in registries:
        registry.push("swapped/app")
    await make_secret(node, "swapped", {one.host: "you", two.host: "me"})
    for name, registry in (("one", one), ("two", two)):
        await pull(node, f"{registry.host}/swapped/app:1", "swapped", name=name)
        assert (await refused(node, name)).endswith("401 Unauthorized")


async def test_the_entry_of_a_path_is_tried_before_the_registrys(node: Node, registry: Registry) -> None:
    for repository in ("paths/app", "other/app"):
        registry.push(repository)
    await make_secret(node, "only-path", {f"{registry.host}/paths": "me"})
    await pull(node, f"{registry.host}/paths/app:1", "only-path", name="in-path")
    await pull(node, f"{registry.host}/other/app:1", "only-path", name="beside-path")
    await node.running("in-path")
    assert (await refused(node, "beside-path")).endswith("401 Unauthorized")
    await make_secret(node, "both", {f"{registry.host}/other": "nobody", registry.host: "me"})
    await pull(node, f"{registry.host}/other/app:1", "both", name="falls-back")
    await node.running("falls-back")


async def test_an_old_password_beside_the_new_one_does_no_harm(node: Node, registry: Registry) -> None:
    registry.push("rotated/app")
    await make_secret(node, "old", {registry.host: "me"}, "before")
    await make_secret(node, "new", {registry.host: "me"})
    await pull(node, f"{registry.host}/rotated/app:1", "old", "new")
    await node.running()


async def test_one_image_that_many_pods_pull_at_once_comes_to_all_of_them(node: Node, registry: Registry) -> None:
    registry.push("many/app")
    image = f"{registry.host}/many/app:1"
    await make_secret(node, "s", {registry.host: "me"})
    names = [f"p{number}" for number in range(6)]
    for name in names:
        await pull(node, image, "s", name=name)
    found = {(await node.running(name))["containerStatuses"][0]["imageID"] for name in names}
    assert len(found) == 1


async def test_an_image_is_pulled_by_its_digest(node: Node, registry: Registry) -> None:
    digest = registry.push("digest/app")
    name = f"{registry.host}/digest/app@{digest}"
    await make_secret(node, "s", {registry.host: "me"})
    await pull(node, name, "s")
    status = (await node.running())["containerStatuses"][0]
    assert (status["image"], status["imageID"]) == (name, name)
    await pull(node, f"{registry.host}/digest/app:1@{digest}", "s", name="both")
    both = (await node.running("both"))["containerStatuses"][0]
    assert both["imageID"] == name


async def test_a_digest_that_the_registry_does_not_have_is_told(node: Node, registry: Registry) -> None:
    registry.push("absent/app")
    name = f"{registry.host}/absent/app@sha256:{'0' * 64}"
    await make_secret(node, "s", {registry.host: "me"})
    await pull(node, name, "s")
    assert (await refused(node)).endswith(f"{name}: not found")


def test_kubectl_makes_the_secret_and_a_node_pulls(cluster: RealCluster, registry: Registry) -> None:
    registry.push("cluster/app")
    image = f"{registry.host}/cluster/app:1"
    first = cluster.nodes()[0]
    cluster.kubectl(
        "create", "secret", "docker-registry", "registry", f"--docker-server=http://{registry.host}",
        "--docker-username=me", f"--docker-password={PASSWORD}",
    )  # fmt: skip
    patch = json.dumps({"imagePullSecrets": [{"name": "registry"}]})
    cluster.kubectl("patch", "serviceaccount", "default", "-p", patch)
    try:
        cluster.apply(pod("private", cluster_shell("c", SLEEP, image=image), nodeName=first))
        (private,) = cluster.wait_ready("private")
        assert private["spec"]["imagePullSecrets"] == [{"name": "registry"}]
        until(
            lambda: "Successfully pulled image" in cluster.kubectl("describe", "pod", "private").out, "the pull is told"
        )
    finally:
        cluster.kubectl("patch", "serviceaccount", "default", "-p", json.dumps({"imagePullSecrets": None}))
        cluster.kubectl("delete", "secret", "registry")
        cluster.wait_gone("private")
