"""What pods need, and how it is counted on nodes."""

from podbay.scheduler.snapshot import NON_ZERO_MEMORY_BYTES, NON_ZERO_MILLI_CPU, Snapshot, needs_of
from tests.unit.scheduler.objects import node, pod


def test_containers_are_added_up() -> None:
    two = pod(cpu="250m", memory="1Mi")
    two["spec"]["containers"].append({"resources": {"requests": {"cpu": "1"}}})
    needs = needs_of(two)
    assert needs.requests == {"cpu": 1250, "memory": 1 << 20}
    assert needs.non_zero_memory_bytes == (1 << 20) + NON_ZERO_MEMORY_BYTES


def test_a_container_without_requests_counts_a_little_when_nodes_are_scored() -> None:
    needs = needs_of(pod())
    assert needs.requests == {}
    assert (needs.non_zero_milli_cpu, needs.non_zero_memory_bytes) == (NON_ZERO_MILLI_CPU, NON_ZERO_MEMORY_BYTES)


def test_the_largest_init_container_counts_if_it_is_more() -> None:
    one = pod(cpu="1", memory="1Gi")
    one["spec"]["initContainers"] = [
        {"resources": {"requests": {"cpu": "3"}}},
        {"resources": {"requests": {"cpu": "2", "memory": "512Mi"}}},
    ]
    assert needs_of(one).requests == {"cpu": 3000, "memory": 1 << 30}


def test_overhead_is_added() -> None:
    assert needs_of(pod(cpu="1", overhead={"cpu": "250m"})).requests == {"cpu": 1250}


def test_host_ports_have_an_address_and_a_protocol() -> None:
    assert needs_of(pod(host_port=80)).host_ports == {("0.0.0.0", "TCP", 80)}


def test_a_pod_is_counted_on_its_node_until_it_leaves() -> None:
    snapshot = Snapshot()
    state = snapshot.set_node(node())
    snapshot.place("a", "n1", needs_of(pod(cpu="1", host_port=80)))
    assert (state.requested["cpu"], state.pod_count, len(state.host_ports())) == (1000, 1, 1)
    assert snapshot.displace("a") == "n1"
    assert (state.requested["cpu"], state.pod_count, len(state.host_ports())) == (0, 0, 0)
    assert snapshot.displace("a") == ""


def test_a_pod_counts_on_one_node_only() -> None:
    snapshot = Snapshot()
    first, second = snapshot.set_node(node("n1")), snapshot.set_node(node("n2"))
    one, two = needs_of(pod(cpu="1")), needs_of(pod(cpu="2"))
    assert snapshot.place("a", "n1", one) is None
    assert snapshot.place("a", "n2", two) == one
    assert snapshot.place("a", "n2", two) == two
    assert (first.pod_count, second.pod_count, second.requested["cpu"]) == (0, 1, 2000)


def test_pods_of_a_node_that_comes_later_or_again_are_counted() -> None:
    snapshot = Snapshot()
    snapshot.place("a", "n1", needs_of(pod(cpu="1")))
    assert snapshot.set_node(node("n1")).requested == {"cpu": 1000}
    snapshot.drop_node("n1")
    assert snapshot.node("n1") is None
    assert snapshot.set_node(node("n1")).requested == {"cpu": 1000}


def test_a_changed_node_has_a_new_state_and_the_old_one_stays() -> None:
    snapshot = Snapshot()
    before = snapshot.set_node(node(labels={"a": "1"}))
    after = snapshot.set_node(node(labels={"a": "2"}))
    assert (before.labels["a"], after.labels["a"]) == ("1", "2")


def test_a_sidecar_adds_to_the_containers_and_opens_its_host_ports_but_an_init_container_only_raises() -> None:
    request = {"resources": {"requests": {"cpu": "1"}}}
    ports = [{"containerPort": 90, "hostPort": 90, "protocol": "TCP"}]
    side = {"name": "side", "image": "i", "restartPolicy": "Always", "ports": ports, **request}
    init = {"name": "init", "image": "i", "resources": {"requests": {"cpu": "3"}}}
    needs = needs_of(pod(cpu="1", initContainers=[side, init]))
    assert needs.requests == {"cpu": 4000} and needs.non_zero_milli_cpu == 4000
    assert needs.host_ports == {("0.0.0.0", "TCP", 90)}


def test_a_pod_that_is_being_resized_counts_as_the_most_of_what_it_wants_and_has() -> None:
    one = pod(cpu="1")
    one["spec"]["containers"][0]["name"] = "c"
    one["status"] = {"containerStatuses": [{"name": "c", "resources": {"requests": {"cpu": "2"}}}]}
    needs = needs_of(one)
    assert (needs.requests["cpu"], needs.non_zero_milli_cpu) == (2000, 2000)
