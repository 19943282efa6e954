from podbay.cri.runtime import Container, ContainerState, Sandbox
from podbay.kubelet.dead import dead_containers, dead_sandboxes
from podbay.kubelet.observed import observed

EXITED, RUNNING = ContainerState.EXITED, ContainerState.RUNNING


def container(attempt: int, state: ContainerState = EXITED, *, name: str = "main", sandbox: str = "s1") -> Container:
    key = f"{name}-{attempt}"
    return Container(id=key, sandbox_id=sandbox, name=name, attempt=attempt, state=state, created_at=attempt)


def sandbox(attempt: int, *, ready: bool = False) -> Sandbox:
    return Sandbox(
        id=f"s{attempt}", name="p", namespace="default", uid="u", attempt=attempt, ready=ready, created_at=attempt
    )


def test_of_each_container_the_newest_dead_one_is_kept() -> None:
    seen = observed([], [container(0), container(1), container(2), container(0, name="other")])
    assert [c.id for c in dead_containers(seen, 1)] == ["main-1", "main-0"]


def test_one_that_runs_is_kept_beside_the_one_before_it() -> None:
    seen = observed([], [container(0), container(1), container(2, RUNNING)])
    assert [c.id for c in dead_containers(seen, 1)] == ["main-0"]


def test_the_newest_one_is_kept_even_if_no_dead_one_shall_be() -> None:
    seen = observed([], [container(0), container(1)])
    assert [c.id for c in dead_containers(seen, 0)] == ["main-0"]


def test_an_empty_sandbox_that_was_superseded_goes() -> None:
    seen = observed([sandbox(0), sandbox(1), sandbox(2), sandbox(3, ready=True)], [container(0, sandbox="s1")])
    assert [s.id for s in dead_sandboxes(seen)] == ["s2", "s0"]


def test_the_newest_sandbox_stays_though_it_is_dead() -> None:
    assert dead_sandboxes(observed([sandbox(0)], [])) == []
