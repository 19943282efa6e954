"""The running count is what counting anew would give, whatever happened."""

from hypothesis import given
from hypothesis import strategies as st

from podbay.scheduler.snapshot import NodeState, Snapshot, needs_of
from tests.unit.scheduler.objects import node, pod

NODES = st.sampled_from(["n1", "n2", "n3"])
PODS = st.sampled_from(["a", "b", "c", "d"])
STEPS = st.one_of(
    st.tuples(st.just("set"), NODES, st.just(""), st.just(0)),
    st.tuples(st.just("drop"), NODES, st.just(""), st.just(0)),
    st.tuples(st.just("place"), NODES, PODS, st.integers(0, 4)),
    st.tuples(st.just("displace"), NODES, PODS, st.just(0)),
)


@given(st.lists(STEPS, max_size=40))
def test_the_running_count_is_what_counting_anew_gives(steps: list[tuple[str, str, str, int]]) -> None:
    snapshot = Snapshot()
    known: set[str] = set()
    placed: dict[str, tuple[str, int]] = {}
    for step, name, key, cpu in steps:
        if step == "set":
            snapshot.set_node(node(name))
            known.add(name)
        elif step == "drop":
            snapshot.drop_node(name)
            known.discard(name)
        elif step == "place":
            snapshot.place(key, name, needs_of(pod(key, cpu=str(cpu), host_port=8000 + cpu)))
            placed[key] = (name, cpu)
        else:
            assert snapshot.displace(key) == placed.pop(key, ("", 0))[0]
    assert {state.name for state in snapshot.nodes()} == known
    for state in snapshot.nodes():
        anew = NodeState(state.node, state.allocatable)
        for key, (name, cpu) in placed.items():
            if name == state.name:
                anew.add(key, needs_of(pod(key, cpu=str(cpu), host_port=8000 + cpu)))
        assert state.pods == anew.pods
        assert state.requested.get("cpu", 0) == anew.requested.get("cpu", 0)
        assert state.non_zero_milli_cpu == anew.non_zero_milli_cpu
        assert state.host_ports() == anew.host_ports()
