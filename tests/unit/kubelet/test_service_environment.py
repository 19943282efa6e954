"""The variables by which a container finds the API server."""

from podbay.kubelet.environment import environment
from podbay.kubelet.service_environment import service_environment

POD = {"metadata": {"name": "p", "namespace": "default", "uid": "u"}, "spec": {"containers": []}}


async def nothing(kind: str, name: str) -> None:
    return None


def test_they_are_those_of_a_service() -> None:
    found = service_environment("192.0.2.1", 6443)
    assert found["KUBERNETES_SERVICE_HOST"] == "192.0.2.1"
    assert found["KUBERNETES_PORT_6443_TCP"] == found["KUBERNETES_PORT"] == "tcp://192.0.2.1:6443"
    assert service_environment("2001:db8::1", 6443)["KUBERNETES_PORT"] == "tcp://[2001:db8::1]:6443"
    assert service_environment("", 0) == {}


async def test_what_a_container_says_itself_goes_before_and_may_refer_to_them() -> None:
    env = [{"name": "HOST", "value": "own"}, {"name": "URL", "value": "https://$(HOST):$(PORT)"}]
    services = {"HOST": "192.0.2.1", "PORT": "6443"}
    found = await environment({"name": "c", "env": env}, POD, {}, nothing, {}, services)
    assert found == [("HOST", "own"), ("URL", "https://own:6443"), ("PORT", "6443")]
