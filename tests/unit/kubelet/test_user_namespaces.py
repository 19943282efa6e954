from pathlib import Path
from typing import Any

import pytest

from podbay.cri.runtime import RuntimeHandler, RuntimeInfo, UserNamespace
from podbay.kubelet.pod_files import PodFiles
from podbay.kubelet.user_namespaces import NoUserNamespace, UserNamespaces

REFUSED = "can't set `spec.hostUsers: false`, runtime does not support user namespaces"


def runtime(*handlers: RuntimeHandler) -> RuntimeInfo:
    return RuntimeInfo(name="r", version="1", ready=True, network_ready=True, handlers=handlers)


def pod(uid: str, *, host_users: bool | None = False) -> dict[str, Any]:
    return {"metadata": {"uid": uid}, "spec": {} if host_users is None else {"hostUsers": host_users}}


ABLE = runtime(RuntimeHandler(name="", user_namespaces=True))


def ranges(root: Path, most_pods: int = 3) -> UserNamespaces:
    return UserNamespaces(PodFiles(root, Path("/absent")), most_pods, is_real=True)


@pytest.mark.parametrize("host_users", [True, None])
def test_a_pod_that_does_not_ask_has_the_hosts_users(tmp_path: Path, host_users: bool | None) -> None:
    assert ranges(tmp_path).of(pod("a", host_users=host_users), runtime()) is None


@pytest.mark.parametrize(
    ("handlers", "message"),
    [
        ((), f'{REFUSED}: the handler "" is not known'),
        ((RuntimeHandler(name="kata", user_namespaces=True),), f'{REFUSED}: the handler "" is not known'),
        ((RuntimeHandler(name=""),), REFUSED),
    ],
)
def test_a_runtime_that_does_not_say_it_can_is_not_asked(
    tmp_path: Path, handlers: tuple[RuntimeHandler, ...], message: str
) -> None:
    with pytest.raises(NoUserNamespace) as refused:
        ranges(tmp_path).of(pod("a"), runtime(*handlers))
    assert str(refused.value) == message
    assert list(tmp_path.iterdir()) == []


def test_no_two_pods_share_a_range_and_each_keeps_its_own(tmp_path: Path) -> None:
    first = ranges(tmp_path)
    assert first.of(pod("a"), ABLE) == UserNamespace(first_id=65536, length=65536)
    assert first.of(pod("b"), ABLE) == UserNamespace(first_id=131072, length=65536)
    after_a_restart = ranges(tmp_path)
    assert after_a_restart.of(pod("c"), ABLE) == UserNamespace(first_id=196608, length=65536)
    assert after_a_restart.of(pod("b"), ABLE) == UserNamespace(first_id=131072, length=65536)


def test_a_range_is_free_again_once_its_pod_is_gone(tmp_path: Path) -> None:
    files, here = PodFiles(tmp_path, Path("/absent")), ranges(tmp_path, most_pods=1)
    here.of(pod("a"), ABLE)
    with pytest.raises(NoUserNamespace, match="could not find an empty slot"):
        here.of(pod("b"), ABLE)
    files.remove("a")
    assert here.of(pod("b"), ABLE) == UserNamespace(first_id=65536, length=65536)
