"""Who asks: certificates, tokens, and acting as somebody else."""

from collections.abc import AsyncIterator

import pytest

from podbay.api.errors import Forbidden, StatusError, Unauthorized
from podbay.apiserver.config import ApiServerConfig
from podbay.apiserver.identity import Identity, authenticate, find_token, read_token_file
from podbay.apiserver.impersonation import impersonated
from podbay.apiserver.server import ApiServer
from podbay.lib.clock import ManualClock
from podbay.store.memory import MemoryStore
from podbay.wire.http import Headers, PeerCertificate, Request

TOKENS = {"secret": Identity("jane", frozenset({"dev"}))}
MASTER = Identity("admin", frozenset({"system:masters"}))
JANE = Identity("jane")


def bearer(token: str) -> Identity | None:
    return find_token(token, TOKENS)


def bearing(value: str, peer: PeerCertificate | None = None) -> Request:
    return Request(method="GET", target="/", headers=Headers([("Authorization", value)]), peer=peer)


def test_a_token_says_who_asks() -> None:
    for scheme in ("Bearer", "bearer"):
        found = authenticate(bearing(f"{scheme} secret"), bearer)
        assert found == Identity("jane", frozenset({"dev", "system:authenticated"}))


@pytest.mark.parametrize(
    "value", ["Bearer wrong", "Bearer", "Bearer secre", "Basic c2VjcmV0", "secret", "Bearer \udcff"]
)
def test_a_wrong_token_is_nobody_and_a_certificate_is_heard_before_any_token(value: str) -> None:
    with pytest.raises(Unauthorized):
        authenticate(bearing(value), bearer)
    peer = PeerCertificate("admin", ("system:masters",))
    assert authenticate(bearing(value, peer), bearer).user == "admin"
    assert authenticate(bearing("Bearer secret", peer), bearer).user == "admin"


def test_a_certificate_without_a_name_is_nobody() -> None:
    with pytest.raises(Unauthorized):
        authenticate(Request(method="GET", target="/", peer=PeerCertificate("", ("system:masters",))), bearer)


def test_a_token_file_names_users_and_groups() -> None:
    text = 'secret,jane,1,"dev,ops"\nother, joe, 2\n\n,nobody,3\n'
    assert read_token_file(text) == {
        "secret": Identity("jane", frozenset({"dev", "ops"}), uid="1"),
        "other": Identity("joe", uid="2"),
    }
    with pytest.raises(ValueError, match=r"line 2 must have at least 3 columns .* found 2"):
        read_token_file("a,b,c\nx,y\n")


def test_a_master_acts_as_anybody_and_keeps_nothing_of_its_own() -> None:
    headers = Headers([("Impersonate-User", "jane"), ("Impersonate-Group", "dev"), ("Impersonate-Group", "ops")])
    assert impersonated(MASTER, headers) == Identity("jane", frozenset({"dev", "ops", "system:authenticated"}))
    account = Headers([("impersonate-user", "system:serviceaccount:ns:robot")])
    groups = {"system:serviceaccounts", "system:serviceaccounts:ns", "system:authenticated"}
    assert impersonated(MASTER, account) == Identity("system:serviceaccount:ns:robot", frozenset(groups))
    anonymous = Headers([("Impersonate-User", "system:anonymous")])
    assert impersonated(MASTER, anonymous).groups == {"system:unauthenticated"}
    assert impersonated(MASTER, Headers()) is MASTER


def test_others_act_as_nobody_else() -> None:
    with pytest.raises(Forbidden) as refused:
        impersonated(JANE, Headers([("Impersonate-User", "admin"), ("Impersonate-Group", "system:masters")]))
    assert refused.value.message == (
        'users "admin" is forbidden: User "jane" cannot impersonate resource "users" in API group ""'
        " at the cluster scope"
    )
    with pytest.raises(Forbidden, match=r'serviceaccounts "robot" .* in the namespace "ns"'):
        impersonated(JANE, Headers([("Impersonate-User", "system:serviceaccount:ns:robot")]))


@pytest.mark.parametrize("name", ["Impersonate-Group", "Impersonate-Uid", "Impersonate-Extra-Scopes"])
def test_a_part_of_somebody_is_nobody(name: str) -> None:
    with pytest.raises(StatusError) as refused:
        impersonated(MASTER, Headers([(name, "x")]))
    assert refused.value.code == 500


@pytest.fixture
async def server() -> AsyncIterator[ApiServer]:
    clock = ManualClock()
    store = MemoryStore(clock)
    made = ApiServer(store, clock, ApiServerConfig(tokens={"m": MASTER, "j": JANE}))
    await made.start()
    yield made
    await made.close()
    await store.close()


async def test_requests_are_judged_by_who_they_act_as(server: ApiServer) -> None:
    async def status(*headers: tuple[str, str]) -> int:
        request = Request(method="GET", target="/api/v1/pods", headers=Headers(headers))
        return (await server.handle(request)).status

    master, jane = ("Authorization", "Bearer m"), ("Authorization", "Bearer j")
    assert await status(master) == 200
    assert await status(jane) == 403
    assert await status(master, ("Impersonate-User", "jane")) == 403
    assert await status(jane, ("Impersonate-User", "admin"), ("Impersonate-Group", "system:masters")) == 403
    assert await status(master, ("Impersonate-User", "x"), ("Impersonate-Group", "system:masters")) == 200
    assert await status() == 401
