"""Probes' stories: a kubelet on a pretended runtime, on a moved clock."""

from collections.abc import AsyncIterator, Mapping
from typing import Any

import pytest

from podbay.api.resources import PODS
from podbay.kubelet.probes.answer import Answer, Unanswerable, unwell, well
from tests.unit.kubelet.support import House, condition, house, pod

HTTP = {"httpGet": {"path": "/", "port": 80}}


class Script:
    """Answers for each kind of probe, changed as a story goes on; keeps when each was asked."""

    def __init__(self, home: House) -> None:
        self._home = home
        self.answers: dict[str, Answer | Exception] = {}
        self.asked: list[tuple[str, float]] = []
        home.kubelet.prober.asker = self

    async def ask(self, probe: Mapping[str, Any], container: Any, container_id: str, pod_ip: str) -> Answer:
        kind = next(kind for kind in ("liveness", "readiness", "startup") if container.get(f"{kind}Probe") == probe)
        self.asked.append((kind, self._home.clock.monotonic()))
        answer = self.answers.get(kind, well())
        if isinstance(answer, Exception):
            raise answer
        return answer

    def times(self, kind: str) -> list[float]:
        return [at for asked, at in self.asked if asked == kind]


@pytest.fixture
async def home() -> AsyncIterator[House]:
    async with house() as made:
        yield made


@pytest.fixture
def script(home: House) -> Script:
    return Script(home)


def probed(**more: Any) -> dict[str, Any]:
    """Return a pod whose container has these probes; ``spec`` changes the pod."""
    spec = more.pop("spec", {})
    made = pod(**spec)
    made["spec"]["containers"][0] |= more
    return made


async def test_a_container_is_ready_when_its_probe_says_so(home: House, script: Script) -> None:
    script.answers["readiness"] = unwell("HTTP probe failed with statuscode: 500")
    await home.run(probed(readinessProbe={**HTTP, "periodSeconds": 5}))
    status = await home.status()
    assert (status["containerStatuses"][0]["ready"], status["containerStatuses"][0]["started"]) == (False, True)
    assert condition(status, "Ready")["message"] == "containers with unready status: [main]"
    assert condition(status, "ContainersReady")["reason"] == "ContainersNotReady"
    assert status["phase"] == "Running"
    failed = "Readiness probe failed: HTTP probe failed with statuscode: 500"
    assert ("Warning", "Unhealthy", failed) in await home.told()
    script.answers["readiness"] = well()
    await home.pass_time(5)
    assert condition(await home.status(), "Ready")["status"] == "True"
    assert script.times("readiness") == [0.0, 5.0]


async def test_readiness_is_lost_after_as_many_failures_as_said_and_won_after_as_many_successes(
    home: House, script: Script
) -> None:
    probe = {**HTTP, "periodSeconds": 1, "failureThreshold": 3, "successThreshold": 2}
    await home.run(probed(readinessProbe=probe))
    assert not (await home.container())["ready"]
    await home.pass_time(1)
    assert (await home.container())["ready"]
    script.answers["readiness"] = unwell("")
    await home.pass_time(2)
    assert (await home.container())["ready"]
    await home.pass_time(1)
    assert not (await home.container())["ready"]
    assert (await home.container())["restartCount"] == 0


async def test_nobody_is_asked_before_the_initial_delay(home: House, script: Script) -> None:
    await home.run(probed(readinessProbe={**HTTP, "initialDelaySeconds": 30, "periodSeconds": 10}))
    await home.pass_time(29)
    assert script.asked == [] and not (await home.container())["ready"]
    await home.pass_time(12)
    assert script.times("readiness") == [30.0, 40.0]


async def test_a_failed_liveness_probe_restarts_the_container(home: House, script: Script) -> None:
    script.answers["liveness"] = unwell("no pulse")
    await home.run(probed(livenessProbe={**HTTP, "periodSeconds": 10, "failureThreshold": 2}))
    await home.pass_time(19)
    assert (await home.container())["restartCount"] == 0
    script.answers["liveness"] = unwell("none at all")
    await home.pass_time(1)
    script.answers["liveness"] = well()
    await home.pass_time(1)
    main = await home.container()
    assert main["restartCount"] == 1 and "running" in main["state"]
    told = [(kind, reason, text) for kind, reason, text in await home.told() if reason in ("Unhealthy", "Killing")]
    assert told == [
        ("Warning", "Unhealthy", "Liveness probe failed: no pulse"),
        ("Warning", "Unhealthy", "Liveness probe failed: none at all"),
        ("Normal", "Killing", "Container main failed liveness probe, will be restarted"),
    ]


async def test_a_container_is_not_asked_again_while_it_is_being_stopped(home: House, script: Script) -> None:
    script.answers["liveness"] = unwell("")
    deaf = probed(
        livenessProbe={**HTTP, "periodSeconds": 1, "failureThreshold": 1},
        command=["sleep", "1000"],
        spec={"terminationGracePeriodSeconds": 20},
    )
    await home.run(deaf)
    await home.pass_time(15)
    assert script.times("liveness") == [1.0]
    await home.pass_time(6)
    assert (await home.container())["restartCount"] == 1


async def test_what_happens_while_a_container_is_being_stopped_is_dealt_with_afterwards(
    home: House, script: Script
) -> None:
    script.answers["liveness"] = unwell("")
    probe = {**HTTP, "periodSeconds": 1, "failureThreshold": 1}
    both = probed(livenessProbe=probe, command=["sleep", "1000"], spec={"terminationGracePeriodSeconds": 20})
    both["spec"]["containers"].append({"name": "other", "image": "busybox", "imagePullPolicy": "IfNotPresent"})
    await home.run(both)
    await home.pass_time(5)
    other = next(c for c in await home.runtime.containers() if c.name == "other")
    home.runtime.end_container(other.id, 1)
    script.answers["liveness"] = well()
    await home.pass_time(20)
    statuses = {status["name"]: status for status in (await home.status())["containerStatuses"]}
    assert [statuses[name]["restartCount"] for name in ("main", "other")] == [1, 1]
    assert all("running" in status["state"] for status in statuses.values())


async def test_a_probe_may_have_a_grace_period_of_its_own(home: House, script: Script) -> None:
    script.answers["liveness"] = unwell("")
    probe = {**HTTP, "periodSeconds": 1, "failureThreshold": 1, "terminationGracePeriodSeconds": 3}
    await home.run(probed(livenessProbe=probe, command=["sleep", "1000"], spec={"terminationGracePeriodSeconds": 500}))
    await home.pass_time(5)
    assert (await home.container())["restartCount"] == 1


async def test_a_pod_that_never_restarts_fails_with_its_liveness(home: House, script: Script) -> None:
    script.answers["liveness"] = unwell("")
    never = probed(livenessProbe={**HTTP, "periodSeconds": 1, "failureThreshold": 1}, spec={"restartPolicy": "Never"})
    never["spec"]["containers"][0]["command"] = ["sleep", "1000"]
    never["spec"]["terminationGracePeriodSeconds"] = 2
    await home.run(never)
    await home.pass_time(10)
    assert (await home.status())["phase"] == "Failed" and home.count("start_container") == 1
    assert ("Normal", "Killing", "Container main failed liveness probe") in await home.told()


async def test_other_probes_wait_for_the_startup_probe(home: House, script: Script) -> None:
    script.answers["startup"] = unwell("warming up")
    await home.run(
        probed(
            startupProbe={**HTTP, "periodSeconds": 10, "failureThreshold": 30},
            livenessProbe={**HTTP, "periodSeconds": 5, "timeoutSeconds": 2},
            readinessProbe={**HTTP, "periodSeconds": 5},
        )
    )
    await home.pass_time(25)
    assert {kind for kind, _ in script.asked} == {"startup"}
    main = await home.container()
    assert (main["started"], main["ready"]) == (False, False)
    script.answers["startup"] = well()
    await home.pass_time(5)
    main = await home.container()
    assert (main["started"], main["ready"]) == (True, True)
    before = len(script.times("startup"))
    await home.pass_time(60)
    assert len(script.times("startup")) == before and len(script.times("liveness")) >= 11


async def test_a_failed_startup_probe_restarts_the_container(home: House, script: Script) -> None:
    script.answers["startup"] = unwell("cold")
    await home.run(probed(startupProbe={**HTTP, "periodSeconds": 10, "failureThreshold": 3}))
    await home.pass_time(30)
    assert (await home.container())["restartCount"] == 1
    assert ("Normal", "Killing", "Container main failed startup probe, will be restarted") in await home.told()


async def test_what_could_not_be_asked_counts_for_nothing_and_is_told(home: House, script: Script) -> None:
    script.answers["liveness"] = Unanswerable("rpc error: code = Unknown desc = broken")
    await home.run(probed(livenessProbe={**HTTP, "periodSeconds": 1, "failureThreshold": 1}))
    await home.pass_time(1)
    assert len(script.times("liveness")) == 3
    await home.pass_time(5)
    assert (await home.container())["restartCount"] == 0
    text = "Liveness probe errored and resulted in unknown state: rpc error: code = Unknown desc = broken"
    assert ("Warning", "Unhealthy", text) in await home.told()


async def test_a_warning_is_told_and_counts_as_well(home: House, script: Script) -> None:
    script.answers["readiness"] = well("Probe terminated redirects, Response body: x", is_warning=True)
    await home.run(probed(readinessProbe=HTTP))
    assert (await home.container())["ready"]
    text = "Readiness probe warning: Probe terminated redirects, Response body: x"
    assert ("Warning", "ProbeWarning", text) in await home.told()


async def test_a_kubelet_that_starts_again_takes_containers_as_they_were(home: House, script: Script) -> None:
    await home.run(probed(readinessProbe=HTTP, startupProbe={**HTTP, "periodSeconds": 1}))
    await home.pass_time(2)
    before = await home.status()
    assert before["containerStatuses"][0]["ready"]
    await home.kill_kubelet()
    await home.start_kubelet()
    assert await home.status() == before
    script = Script(home)
    script.answers["readiness"] = unwell("")
    await home.pass_time(60)
    assert not (await home.container())["ready"] and script.times("startup") == []


async def test_a_pod_that_is_ending_is_still_asked_whether_it_is_ready(home: House, script: Script) -> None:
    probes = {
        "readinessProbe": {**HTTP, "periodSeconds": 2, "failureThreshold": 1},
        "livenessProbe": {**HTTP, "periodSeconds": 2, "failureThreshold": 1, "timeoutSeconds": 3},
    }
    await home.run(probed(**probes, command=["sleep", "1000"], spec={"terminationGracePeriodSeconds": 30}))
    await home.delete(grace_s=30)
    script.answers = {"readiness": unwell(""), "liveness": unwell("")}
    asked = len(script.times("liveness"))
    await home.pass_time(5)
    assert condition(await home.status(), "Ready")["status"] == "False"
    assert len(script.times("liveness")) == asked
    assert "Container main failed liveness probe, will be restarted" not in [text for _, _, text in await home.told()]
    await home.pass_time(26)
    assert await home.is_gone()
    known = len(script.asked)
    await home.pass_time(60)
    assert len(script.asked) == known


async def test_a_readiness_gate_opens_when_somebody_says_so(home: House) -> None:
    await home.run(pod(readinessGates=[{"conditionType": "example.com/ready"}]))
    assert condition(await home.status(), "Ready")["reason"] == "ReadinessGatesNotReady"
    said = {"status": {"conditions": [{"type": "example.com/ready", "status": "True"}]}}
    await home.admin.patch(PODS, "p", said, namespace="default", subresource="status")
    await home.activity.idle()
    assert condition(await home.status(), "Ready")["status"] == "True"


async def test_an_exec_probe_runs_its_command_in_the_container(home: House) -> None:
    command = ["cat", "/tmp/$(WHICH)"]
    container = {"readinessProbe": {"exec": {"command": command}}, "env": [{"name": "WHICH", "value": "health"}]}
    await home.run(probed(**container))
    assert home.runtime.executed == [("main", ("cat", "/tmp/health"))]
    assert (await home.container())["ready"]


async def test_a_command_that_takes_too_long_has_failed(home: House) -> None:
    probe = {"exec": {"command": ["sleep", "20"]}, "timeoutSeconds": 2, "periodSeconds": 5, "failureThreshold": 1}
    await home.run(probed(livenessProbe=probe))
    await home.pass_time(8)
    assert (await home.container())["restartCount"] == 1
    text = 'Liveness probe failed: command timed out: "sleep 20" timed out after 2s'
    assert ("Warning", "Unhealthy", text) in await home.told()


async def test_a_sidecars_startup_probe_holds_the_others_back(home: House, script: Script) -> None:
    script.answers["startup"] = unwell("")
    side: dict[str, Any] = {
        "name": "side",
        "image": "busybox",
        "restartPolicy": "Always",
        "imagePullPolicy": "IfNotPresent",
    }
    side["startupProbe"] = {**HTTP, "periodSeconds": 2, "failureThreshold": 100}
    await home.run(pod(initContainers=[side]))
    await home.pass_time(9)
    assert [config.name for config in home.runtime.configs.values()] == ["side"]
    assert (await home.status())["initContainerStatuses"][0]["started"] is False
    script.answers["startup"] = well()
    await home.pass_time(2)
    assert [config.name for config in home.runtime.configs.values()] == ["side", "main"]
    status = await home.status()
    assert status["phase"] == "Running" and status["initContainerStatuses"][0]["ready"]


async def test_a_hundred_probes_have_one_timer(home: House, script: Script) -> None:
    for i in range(10):
        many = pod(f"p{i}")
        many["spec"]["containers"] = [{"name": f"c{j}", "image": "busybox", "readinessProbe": HTTP} for j in range(10)]
        await home.run(many)
    import asyncio

    names = [task.get_name() for task in asyncio.all_tasks()]
    assert names.count("probes timer") == 1 and names.count("probe") == 0
    known = len(script.asked)
    await home.pass_time(10)
    assert len(script.asked) == known + 100
