"""Tokens in volumes: asked for once, replaced in time, and kept while the API server cannot be asked."""

from collections.abc import AsyncIterator
from typing import Any

import pytest

from podbay.api.resources import SERVICE_ACCOUNTS
from tests.unit.kubelet.support import House, house, pod

Object = dict[str, Any]
ASKED = "POST /api/v1/namespaces/default/serviceaccounts/default/token"


@pytest.fixture
async def home() -> AsyncIterator[House]:
    async with house() as made:
        yield made


def with_token(seconds: int, name: str = "p", **source: Any) -> Object:
    token = {"path": "token", "expirationSeconds": seconds, **source}
    made = pod(name, volumes=[{"name": "x", "projected": {"sources": [{"serviceAccountToken": token}]}}])
    made["spec"]["containers"][0]["volumeMounts"] = [{"name": "x", "mountPath": "/x"}]
    return made


def asked(home: House) -> int:
    return home.link.sent.count(ASKED)


@pytest.mark.parametrize(("lasts_s", "soon_s", "due_s"), [(1000, 780, 801), (200_000, 86_300, 86_401)])
async def test_a_token_is_replaced_after_four_fifths_of_its_life_or_a_day(
    home: House, lasts_s: int, soon_s: int, due_s: int
) -> None:
    await home.run(with_token(lasts_s))
    assert (await home.status())["phase"] == "Running"
    assert asked(home) == 1
    await home.pass_time(soon_s)
    assert asked(home) == 1
    await home.pass_time(due_s - soon_s)
    assert asked(home) == 2


async def test_a_token_is_for_the_audience_that_the_volume_names(home: House) -> None:
    await home.run(with_token(1000, audience="vault"))
    assert (await home.status())["phase"] == "Running"


async def test_each_pod_has_a_token_of_its_own(home: House) -> None:
    await home.run(with_token(1000), with_token(1000, "q"))
    assert asked(home) == 2


async def test_a_pod_whose_account_is_gone_waits_for_its_token(home: House) -> None:
    account = {"apiVersion": "v1", "kind": "ServiceAccount", "metadata": {"name": "robot"}}
    await home.admin.create(SERVICE_ACCOUNTS, account, namespace="default")
    await home.kill_kubelet()
    waiting = with_token(1000)
    waiting["spec"]["serviceAccountName"] = "robot"
    await home.run(waiting)
    await home.admin.delete(SERVICE_ACCOUNTS, "robot", namespace="default")
    await home.start_kubelet()
    told = [message for _, reason, message in await home.told() if reason == "FailedMount"]
    assert told == [
        'MountVolume.SetUp failed for volume "x" : failed to fetch token: serviceaccounts "robot" not found'
    ]
    await home.admin.create(SERVICE_ACCOUNTS, account, namespace="default")
    await home.pass_time(1)
    assert (await home.status())["phase"] == "Running"


async def test_a_token_that_cannot_be_replaced_serves_on(home: House) -> None:
    await home.run(with_token(1000))
    home.link.is_cut = True
    await home.pass_time(900)
    assert [reason for _, reason, _ in await home.told()].count("FailedMount") == 0
    home.link.is_cut = False
    before = asked(home)
    await home.pass_time(11)
    assert asked(home) == before + 1
